#include "sim/drive/zip_writer.h"

#include <zlib.h>

#include <algorithm>
#include <ctime>

namespace driveway::sim {

namespace {
void put16(std::string& out, std::uint32_t value) {
  out += static_cast<char>(value & 0xff);
  out += static_cast<char>((value >> 8) & 0xff);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16);
}
}  // namespace

ZipWriter::ZipWriter(std::int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  const auto year = static_cast<std::uint32_t>(std::max(parts.tm_year - 80, 0));  // since 1980
  const auto date = (year << 9) | static_cast<std::uint32_t>((parts.tm_mon + 1) << 5) |
                    static_cast<std::uint32_t>(parts.tm_mday);
  const auto clock =
      static_cast<std::uint32_t>((parts.tm_hour << 11) | (parts.tm_min << 5) | (parts.tm_sec / 2));
  dos_time_ = (date << 16) | clock;
}

void ZipWriter::add(std::string_view name, std::string_view content) {
  const auto offset = static_cast<std::uint32_t>(out_.size());
  const auto size = static_cast<std::uint32_t>(content.size());
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  std::string common;
  put16(common, 10);  // version needed: 1.0
  put16(common, 0);   // flags
  put16(common, 0);   // stored
  put32(common, dos_time_);
  put32(common, crc);
  put32(common, size);
  put32(common, size);
  put16(common, static_cast<std::uint32_t>(name.size()));
  put16(common, 0);  // no extra field

  put32(out_, 0x04034b50);
  out_ += common;
  out_ += name;
  out_ += content;

  put32(directory_, 0x02014b50);
  put16(directory_, 20);  // made by
  directory_ += common;
  put16(directory_, 0);  // comment
  put16(directory_, 0);  // disk
  put16(directory_, 0);  // internal attributes
  put32(directory_, 0);  // external attributes
  put32(directory_, offset);
  directory_ += name;
  ++count_;
}

std::string ZipWriter::finish() {
  const auto offset = static_cast<std::uint32_t>(out_.size());
  out_ += directory_;
  put32(out_, 0x06054b50);
  put16(out_, 0);
  put16(out_, 0);
  put16(out_, count_);
  put16(out_, count_);
  put32(out_, static_cast<std::uint32_t>(directory_.size()));
  put32(out_, offset);
  put16(out_, 0);
  return std::move(out_);
}

}  // namespace driveway::sim
