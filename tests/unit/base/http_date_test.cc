#include "base/http_date.h"

#include <gtest/gtest.h>

namespace driveway {
namespace {

TEST(HttpDateTest, ReadsTheOneFormThatIsWritten) {
  const auto date = parse_http_date("Sat, 21 Nov 2026 02:03:04 GMT");
  ASSERT_TRUE(date.has_value());
  EXPECT_EQ(format_rfc3339(*date), "2026-11-21T02:03:04.000Z");
  EXPECT_EQ(parse_http_date(" Thu, 29 Feb 2024 23:59:60 GMT "),
            parse_rfc3339("2024-03-01T00:00:00Z").value());
}

TEST(HttpDateTest, RefusesAllElse) {
  for (const char* text :
       {"", "now", "Sat, 21 Nov 2026 02:03:04 CET", "Sat, 99 Nov 2026 02:03:34 GMT",
        "Sat, 30 Feb 2026 02:03:34 GMT", "Sat, 21 Nvo 2026 02:03:34 GMT",
        "Sat, 21 Nov 2026 25:03:34 GMT", "Sat, 21 Nov 2026 2:3 GMT", "a b c d e GMT",
        "Saturday, 21-Nov-26 02:03:04 GMT"}) {
    EXPECT_FALSE(parse_http_date(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace driveway
