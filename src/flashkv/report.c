#include "report.h"

#include <stdarg.h>
#include <stdio.h>

void fkv_report_finding(fkv_report *report, const char *file, uint64_t offset, uint64_t size, khonsu_slice key,
                        const char *format, ...) {
  report->result.findings++;
  if (report->options.finding == NULL) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  flashkv_finding finding = {.file = file, .offset = offset, .size = size, .text = text, .key = {key.data, key.size}};
  report->options.finding(report->options.ctx, &finding);
}

khonsu_status fkv_report_progress(fkv_report *report, uint64_t bytes, khonsu_error *error) {
  report->bytes_done += bytes;
  if (report->options.progress == NULL) return FLASHKV_OK;
  int stop = report->options.progress(report->options.ctx, report->phase, report->bytes_done, report->bytes_total);
  return stop == 0 ? FLASHKV_OK
                   : khonsu_error_set(error, FLASHKV_CANCELLED, "%s was ended by its progress callback", report->phase);
}

khonsu_status fkv_report_begin(fkv_report *report, const flashkv_check_options *options, const char *phase,
                               khonsu_error *error) {
  *report = (fkv_report){.options = FLASHKV_CHECK_OPTIONS_INIT, .result = FLASHKV_CHECK_RESULT_INIT, .phase = phase};
  if (options == NULL) return FLASHKV_OK;
  if (options->struct_size < sizeof options->struct_size) {
    return khonsu_error_set(error, FLASHKV_INVALID_ARGUMENT, "options are not initialised");
  }
  size_t size = options->struct_size < sizeof *options ? options->struct_size : sizeof *options;
  memcpy(&report->options, options, size);
  return FLASHKV_OK;
}

void fkv_report_end(const fkv_report *report, flashkv_check_result *result) {
  if (result == NULL) return;
  uint32_t size = result->struct_size < sizeof *result ? result->struct_size : sizeof *result;
  flashkv_check_result full = report->result;
  full.struct_size = result->struct_size;
  memcpy(result, &full, size);
}
