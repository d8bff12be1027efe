// Stored (uncompressed) zip archives, as office documents are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace driveway::sim {

class ZipWriter {
 public:
  // `unix_seconds`: the time of all entries.
  explicit ZipWriter(std::int64_t unix_seconds);
  void add(std::string_view name, std::string_view content);
  std::string finish();

 private:
  std::uint32_t dos_time_ = 0;
  std::string out_;
  std::string directory_;
  std::uint16_t count_ = 0;
};

}  // namespace driveway::sim
