#include "text.h"

#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#include <jsmn.h>

void *reserve(size_t size) {
  void *memory = malloc(size > 0 ? size : 1);
  if (memory == NULL) abort();
  return memory;
}

text_t text(const char *of) {
  text_t copy = {reserve(strlen(of)), strlen(of)};
  memcpy(copy.ptr, of, copy.len);
  return copy;
}

text_t join(size_t count, const text_t parts[]) {
  size_t length = 0;
  for (size_t i = 0; i < count; i++) length += parts[i].len;
  text_t whole = {reserve(length), 0};
  for (size_t i = 0; i < count; i++) {
    memcpy(whole.ptr + whole.len, parts[i].ptr, parts[i].len);
    whole.len += parts[i].len;
  }
  return whole;
}

text_t quoted(text_t raw) {
  static const char hex[] = "0123456789abcdef";
  // At most six characters of each byte: \u00xx.
  text_t out = {reserve(6 * raw.len + 2), 0};
  out.ptr[out.len++] = '"';
  for (size_t i = 0; i < raw.len; i++) {
    uint8_t byte = raw.ptr[i];
    if (byte < 0x20) {
      const uint8_t escape[] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
      memcpy(out.ptr + out.len, escape, sizeof escape);
      out.len += sizeof escape;
      continue;
    }
    if (byte == '"' || byte == '\\') out.ptr[out.len++] = '\\';
    out.ptr[out.len++] = byte;
  }
  out.ptr[out.len++] = '"';
  return out;
}

text_t base64(const uint8_t *bytes, size_t length, size_t width) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t size = (length + 2) / 3 * 4;
  text_t out = {reserve(size + (width > 0 ? size / width + 1 : 0)), 0};
  size_t column = 0;
  for (size_t i = 0; i < length; i += 3) {
    if (width > 0 && column == width) {
      out.ptr[out.len++] = '\n';
      column = 0;
    }
    size_t left = length - i;
    uint32_t three = bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    out.ptr[out.len++] = digits[three >> 18];
    out.ptr[out.len++] = digits[three >> 12 & 63];
    out.ptr[out.len++] = left > 1 ? digits[three >> 6 & 63] : '=';
    out.ptr[out.len++] = left > 2 ? digits[three & 63] : '=';
    column += 4;
  }
  return out;
}

// The number of four hexadecimal digits.
static uint32_t four_digits(const char *at) {
  uint32_t number = 0;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    number = number << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return number;
}

// Writes a code point in UTF-8 and says how many bytes that took.
static size_t utf8(uint32_t point, uint8_t *to) {
  if (point < 0x80) {
    to[0] = (uint8_t)point;
    return 1;
  }
  size_t more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
  to[0] = (uint8_t)(first[more] | point >> 6 * more);
  for (size_t i = 1; i <= more; i++) to[i] = (uint8_t)(0x80 | (point >> 6 * (more - i) & 0x3f));
  return more + 1;
}

// A JSON string without its quotes and escapes. The host has checked that it is one: each escape is whole.
static text_t unquoted(const char *at, const char *end) {
  static const char escapes[] = "b\bf\fn\nr\rt\t";
  text_t out = {reserve((size_t)(end - at)), 0};
  while (at < end) {
    if (*at != '\\') {
      out.ptr[out.len++] = (uint8_t)*at++;
      continue;
    }
    char kind = at[1];
    at += 2;
    if (kind != 'u') {
      const char *escape = strchr(escapes, kind);
      out.ptr[out.len++] = (uint8_t)(escape != NULL ? escape[1] : kind);
      continue;
    }
    uint32_t point = four_digits(at);
    at += 4;
    if (point >= 0xd800 && point < 0xdc00) {
      point = 0x10000 + ((point - 0xd800) << 10) + (four_digits(at + 2) - 0xdc00);
      at += 6;
    }
    out.len += utf8(point, out.ptr + out.len);
  }
  return out;
}

field_t field(text_t object, const char *name, text_t *value) {
  const char *json = (const char *)object.ptr;
  jsmn_parser parser;
  jsmn_init(&parser);
  int count = jsmn_parse(&parser, json, object.len, NULL, 0);
  if (count < 1) return FIELD_NO_OBJECT;
  jsmntok_t *tokens = reserve(sizeof(jsmntok_t) * (size_t)count);
  jsmn_init(&parser);
  if (jsmn_parse(&parser, json, object.len, tokens, (unsigned)count) != count) return FIELD_NO_OBJECT;
  if (tokens[0].type != JSMN_OBJECT) return FIELD_NO_OBJECT;
  field_t found = FIELD_MISSING;
  // A key has one value behind it, which may hold further tokens.
  for (int i = 1; i + 1 < count;) {
    const jsmntok_t *key = &tokens[i], *content = &tokens[i + 1];
    text_t known = unquoted(json + key->start, json + key->end);
    if (known.len == strlen(name) && memcmp(known.ptr, name, known.len) == 0) {
      if (content->type == JSMN_STRING) {
        *value = unquoted(json + content->start, json + content->end);
        found = FIELD_TEXT;
      } else {
        found = content->type == JSMN_PRIMITIVE && json[content->start] == 'n' ? FIELD_MISSING : FIELD_OTHER;
      }
    }
    for (i += 2; i < count && tokens[i].start < content->end;) i++;
  }
  return found;
}
