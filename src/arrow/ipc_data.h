/* ipc_data: the messages behind the schema. Only for files that speak flatcc. */
#ifndef KH_ARROW_IPC_DATA_H
#define KH_ARROW_IPC_DATA_H

#include "ipc_message.h"

/* A DictionaryBatch becomes the reader's values of its dictionary. CORRUPT, UNSUPPORTED, VALUE_TOO_LARGE, INVALID_ARROW,
 * IO, NO_MEMORY. */
KHONSU_MUST_USE khonsu_status kh_ipc_dictionary_read(kh_ipc_reader *reader, const kh_ipc_message *message,
                                                     khonsu_error *error);
/* A dictionary, or a record batch, which becomes *chunk; else that stays as it is. As above. */
KHONSU_MUST_USE khonsu_status kh_ipc_data_read(kh_ipc_reader *reader, const kh_ipc_message *message, kh_chunk **chunk,
                                               khonsu_error *error);

#endif
