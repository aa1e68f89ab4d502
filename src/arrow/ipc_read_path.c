/* ipc_read_path: a file as a stream of its record batches, which are read one by one. */
#include <errno.h>

#include "ipc_reader.h"

typedef struct file_stream {
  kh_ipc_reader reader;
  khonsu_error error;
  char path[]; /* for messages */
} file_stream;

/* Nothing is limited here: limits belong to a database, which checks what it is given. */
static const kh_arrow_limits no_limits = {1024, UINT64_MAX, NULL};

static int errno_of(khonsu_status status) {
  switch (status) {
    case KHONSU_OK: return 0;
    case KHONSU_NO_MEMORY: return ENOMEM;
    case KHONSU_IO: return EIO;
    case KHONSU_UNSUPPORTED: return ENOTSUP;
    default: return EINVAL;
  }
}

static int answer(file_stream *file, khonsu_status status) {
  if (status == KHONSU_NO_MEMORY) khonsu_error_set(&file->error, status, "out of memory");
  return errno_of(status);
}

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *schema) {
  file_stream *file = stream->private_data;
  return answer(file, kh_schema_export(kh_ipc_layout_schema(file->reader.layout), schema));
}

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *array) {
  file_stream *file = stream->private_data;
  kh_chunk *chunk;
  array->release = NULL;
  khonsu_status status = kh_ipc_reader_next(&file->reader, &chunk, &file->error);
  if (status == KHONSU_OK && chunk != NULL) status = kh_chunk_export_move(chunk, array);
  return answer(file, status);
}

static const char *get_last_error(struct ArrowArrayStream *stream) {
  return ((const file_stream *)stream->private_data)->error.message;
}

static void release(struct ArrowArrayStream *stream) {
  file_stream *file = stream->private_data;
  kh_ipc_reader_fini(&file->reader);
  khonsu_error_clear(&file->error);
  kh_free(file);
  stream->release = NULL;
}

static khonsu_status open_file(const kh_os *os, const char *path, kh_ipc_source *source, khonsu_error *error) {
  kh_file_info info;
  kh_os_error failed = KH_OS_CALL(os, open, path, KH_OPEN_READ, &source->file);
  if (failed) return kh_os_fail(error, failed, "open", path);
  failed = KH_OS_CALL(os, info, source->file, &info);
  source->os = os;
  source->name = path;
  source->size = info.size;
  if (!failed && !info.is_directory) return KHONSU_OK;
  (void)KH_OS_CALL(os, close, source->file);
  return failed ? kh_os_fail(error, failed, "look at", path)
                : khonsu_error_set(error, KHONSU_IO, "cannot read %s: it is a directory", path);
}

khonsu_status kh_ipc_read_path(const kh_os *os, const char *path, struct ArrowArrayStream *stream,
                               khonsu_error *error) {
  size_t path_size = strlen(path) + 1;
  kh_ipc_source source = {.file = KH_FILE_NONE};
  khonsu_status status = open_file(os, path, &source, error);
  if (status != KHONSU_OK) return status;
  file_stream *file = kh_alloc(sizeof *file + path_size);
  if (file == NULL) {
    (void)KH_OS_CALL(os, close, source.file);
    return khonsu_error_set(error, KHONSU_NO_MEMORY, "no memory to read %s", path);
  }
  source.name = memcpy(file->path, path, path_size);
  file->error = (khonsu_error)KHONSU_ERROR_INIT;
  status = kh_ipc_reader_open(&file->reader, &source, &no_limits, error);
  if (status != KHONSU_OK) {
    kh_free(file);
    return status;
  }
  *stream = (struct ArrowArrayStream){get_schema, get_next, get_last_error, release, file};
  return KHONSU_OK;
}
