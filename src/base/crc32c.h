/* crc32c: the checksum of what is stored (Castagnoli's polynomial, as in RFC 3720, appendix B.4), whose errors of up to 32
 * bits in a row are all noticed. */
#ifndef KH_BASE_CRC32C_H
#define KH_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of bytes that follow those with the checksum `before`; 0 before the first. */
uint32_t kh_crc32c(uint32_t before, const void *bytes, size_t size);

#endif
