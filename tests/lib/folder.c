#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static void path_in(const char *folder, const char *name, char path[512]) {
  assert_true(snprintf(path, 512, "%s/%s", folder, name) < 512);
}

static const char *folders = "/tmp";

void folders_in(const char *place) { folders = place; }

void folder_make(char path[FOLDER_PATH_SIZE]) {
  snprintf(path, FOLDER_PATH_SIZE, "%s/khonsu-test-XXXXXX", folders);
  assert_non_null(mkdtemp(path));
}

static void empty_folder(const char *folder) {
  DIR *directory = opendir(folder);
  assert_non_null(directory);
  char path[512];
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_type != DT_REG) continue;
    path_in(folder, entry->d_name, path);
    assert_int_equal(unlink(path), 0);
  }
  closedir(directory);
}

void folder_remove(const char *path) {
  empty_folder(path);
  assert_int_equal(rmdir(path), 0);
}

static void copy_file(const char *from, const char *to) {
  int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(in >= 0 && out >= 0);
  struct stat info;
  assert_int_equal(fstat(in, &info), 0);
  while (sendfile(out, in, NULL, (size_t)1 << 30) > 0) continue; /* from one file system to another, too */
  assert_int_equal(lseek(out, 0, SEEK_END), info.st_size);
  close(in);
  close(out);
}

void folder_copy(const char *from, const char *to) {
  empty_folder(to);
  DIR *directory = opendir(from);
  assert_non_null(directory);
  char source[512], target[512];
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_type != DT_REG) continue;
    path_in(from, entry->d_name, source);
    path_in(to, entry->d_name, target);
    copy_file(source, target);
  }
  closedir(directory);
}
