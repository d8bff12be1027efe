#include "base/memory.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/strings.h"

namespace driveway {
namespace {

TEST(MemoryTest, SomeIsAvailableAndNoMoreThanTheMachineHas) {
  const Bytes available = available_memory();
  EXPECT_GT(available, 0u);
  const auto text = read_file("/proc/meminfo");
  ASSERT_TRUE(text.ok());
  for (const auto& line : split(*text, '\n')) {
    if (!line.starts_with("MemTotal:")) continue;
    std::string_view value = trim(line.substr(line.find(':') + 1));
    value = value.substr(0, value.find(' '));
    EXPECT_LE(available, parse_uint(value).value() * kKiB);
    return;
  }
  FAIL() << "no MemTotal";
}

}  // namespace
}  // namespace driveway
