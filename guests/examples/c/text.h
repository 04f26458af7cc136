// Texts: made, escaped, and read from JSON.
//
// Nothing is ever freed by hand: each request meets a fresh instance, and its memory ends with it. What goes into an
// answer must come from the heap, because the generated code frees it after the host has read it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secrets_engine.h"

typedef secrets_engine_string_t text_t;

// Memory, or the end of the instance.
void *reserve(size_t size);

// A copy of a C string on the heap.
text_t text(const char *of);

// Several texts in one.
text_t join(size_t count, const text_t parts[]);
#define JOIN(...) join(sizeof((text_t[]){__VA_ARGS__}) / sizeof(text_t), (text_t[]){__VA_ARGS__})

// A text as a JSON string, in quotes.
text_t quoted(text_t raw);

// Base64 (RFC 4648 section 4), with a newline after each `width` characters; 0: in one line.
text_t base64(const uint8_t *bytes, size_t length, size_t width);

// What a field of a JSON object is.
typedef enum { FIELD_MISSING, FIELD_TEXT, FIELD_OTHER, FIELD_NO_OBJECT } field_t;

// Looks for a field of a JSON object and reads its text.
field_t field(text_t object, const char *name, text_t *value);
