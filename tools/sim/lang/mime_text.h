// The texts that multipart bodies are made of (RFC 2046), with CR LF or LF alone as line ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/net/service.h"

namespace driveway::sim {

// The boundary of "multipart/related; boundary=B", quoted or not; nothing if the header is not of
// `media_type` or has none.
std::optional<std::string> boundary_of(std::string_view content_type, std::string_view media_type);

// Takes the next line off `text`, without its end; at the end of the text, what is left.
std::string_view take_line(std::string_view& text);

// Takes "Name: value" lines off `text`, with the empty line behind them (or up to the end).
// Nothing for a line without a colon.
std::optional<NameValues> take_headers(std::string_view& text);

// The first header of that name, or null; ASCII case ignored.
const std::string* find_header(const NameValues& headers, std::string_view name);

}  // namespace driveway::sim
