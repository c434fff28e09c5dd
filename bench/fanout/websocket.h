/* WebSocket frames (RFC 6455 section 5.2), as far as the benchmark needs them. */
#ifndef FANOUT_WEBSOCKET_H
#define FANOUT_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OP_CONTINUATION = 0x0, OP_TEXT = 0x1, OP_BINARY = 0x2, OP_CLOSE = 0x8, OP_PING = 0x9, OP_PONG = 0xA };

enum { HEADER_MAX = 14 };

typedef struct {
    uint8_t opcode;
    bool final, reserved, masked;
    uint8_t mask[4];
    uint64_t size; /* of the payload */
} Frame;

/* Reads the header of a frame; returns its length, or 0 if it is not all there. */
static inline size_t read_header(const uint8_t *data, size_t size, Frame *frame) {
    if (size < 2) return 0;
    frame->final = data[0] & 0x80;
    frame->reserved = data[0] & 0x70;
    frame->opcode = data[0] & 0x0F;
    frame->masked = data[1] & 0x80;
    frame->size = data[1] & 0x7F;
    size_t length = 2;
    size_t extension = frame->size == 126 ? 2 : frame->size == 127 ? 8 : 0;
    if (size < length + extension + (frame->masked ? 4 : 0)) return 0;
    if (extension) frame->size = 0;
    for (size_t i = 0; i < extension; i++) frame->size = frame->size << 8 | data[length++];
    for (size_t i = 0; frame->masked && i < 4; i++) frame->mask[i] = data[length++];
    return length;
}

/* Writes the header of a whole frame that is not masked, or masked with zero; returns its length. */
static inline size_t write_header(uint8_t *data, uint8_t opcode, uint64_t size, bool masked) {
    size_t length = 2;
    size_t extension = size < 126 ? 0 : size < 65536 ? 2 : 8;
    data[0] = (uint8_t)(0x80 | opcode);
    data[1] = (uint8_t)((masked ? 0x80 : 0) | (extension == 0 ? size : extension == 2 ? 126 : 127));
    for (size_t i = extension; i > 0; i--) data[length++] = (uint8_t)(size >> (8 * (i - 1)));
    for (size_t i = 0; masked && i < 4; i++) data[length++] = 0;
    return length;
}

/* Takes the mask off a payload, in place. */
static inline void unmask(uint8_t *payload, const Frame *frame) {
    for (uint64_t i = 0; frame->masked && i < frame->size; i++) payload[i] ^= frame->mask[i & 3];
}

#endif
