// One download: is this answer what was asked for, and which of its bytes are. Private to drive/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/io.h"
#include "drive/item.h"
#include "http/http_client.h"

namespace driveway::drive {

// "bytes 0-99/1000", "bytes 0-99/*", "bytes */1000".
struct ContentRange {
  std::optional<ByteRange> range;
  std::optional<Bytes> total;
};
// Nothing where it is malformed.
std::optional<ContentRange> parse_content_range(std::string_view value);

// Whether the answer says that it is HTML.
bool is_web_page(const http::Response& head);

// Stands between an HTTP answer and the reader's sink, and passes on exactly the bytes of `range`:
// nothing of an answer for another range, of another length or revision (R1), nor of a page that a
// portal shows instead. Not thread-safe.
class RangeSink final : public ByteSink {
 public:
  // All must outlive the sink. `item.size`, where known, is what the answer's total must be.
  RangeSink(const Item& item, ByteRange range, ByteSink& sink)
      : item_(item), range_(range), sink_(sink) {}

  // Judges the head of a 200 or 206. What is wrong with it is kept, and fails the first write.
  void begin(const http::Response& head);
  Status write(std::span<const std::byte> data) override;
  // After the transfer ended with `transfer`: ok if the whole range went to the sink, else what
  // went wrong.
  Status finish(Status transfer);

 private:
  std::optional<Error> check_partial(const http::Response& head);
  std::optional<Error> check_whole(const http::Response& head);
  Error wrong_range(std::string_view detail) const;

  const Item& item_;
  const ByteRange range_;
  ByteSink& sink_;
  Bytes skip_ = 0;  // of the answer, before the range
  Bytes delivered_ = 0;
  bool cut_allowed_ = false;  // the answer goes on behind the range
  std::optional<Error> verdict_;
};

}  // namespace driveway::drive
