#include "cli/gdfuse_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "unit/auth/foreign_login.h"

namespace driveway::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class GdfuseCacheTest : public auth::ForeignLoginTest {
 protected:
  // Below the test's folder.
  std::string found(const auth::GdfusePlace& place) const {
    const auto folder = find_gdfuse_cache(place, environment_);
    EXPECT_TRUE(folder.ok()) << folder.error().to_string();
    return folder.ok() ? folder->lexically_relative(folder_.path()).native() : "";
  }
  Error refusal(const auth::GdfusePlace& place) const {
    const auto folder = find_gdfuse_cache(place, environment_);
    EXPECT_FALSE(folder.ok());
    return folder.ok() ? Error{} : folder.error();
  }
};

TEST_F(GdfuseCacheTest, WhereTheOldProgramHasIt) {
  write("home/.gdfuse/default/cache/cache.db");
  EXPECT_EQ(found({}), "home/.gdfuse/default/cache") << "also without a config";
  write("home/.gdfuse/default/config", cat("cache_directory=", (folder_ / "fast").native(), "\n"));
  write("fast/cache.db");
  EXPECT_EQ(found({}), "fast");
  write("xdg-config/gdfuse/work/config", "config_version = 1\n");
  write("xdg-cache/gdfuse/work/cache.db");
  EXPECT_EQ(found({.label = "work"}), "xdg-cache/gdfuse/work");
}

TEST_F(GdfuseCacheTest, AConfigOfOnesOwn) {
  write("home/.gdfuse/default/cache/cache.db");
  write("elsewhere/work/config");
  EXPECT_EQ(found({.config = folder_ / "elsewhere/work/config"}), "home/.gdfuse/default/cache");
  write("elsewhere/work/cache/cache.db");
  EXPECT_EQ(found({.config = folder_ / "elsewhere/work/config"}), "elsewhere/work/cache");
  write("elsewhere/work/config", cat("data_directory=", (folder_ / "data").native(), "\n"));
  write("data/cache/cache.db");
  EXPECT_EQ(found({.config = folder_ / "elsewhere/work/config"}), "data/cache");
}

TEST_F(GdfuseCacheTest, WithoutOneThePlacesAndLabelsAreTold) {
  EXPECT_THAT(refusal({}).message, HasSubstr("no label here"));
  write("home/.gdfuse/work/config");
  write("xdg-config/gdfuse/home/config");
  const Error error = refusal({});
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr(".gdfuse/default/config"), HasSubstr("default/cache/cache.db"),
                    HasSubstr("labels here are: home, work")));
  EXPECT_THAT(refusal({.label = "work"}).message,
              AllOf(HasSubstr("work/cache/cache.db"), HasSubstr("never mounted")));
  EXPECT_EQ(refusal({.label = "../x"}).code, ErrorCode::kInvalidArgument);
}

TEST_F(GdfuseCacheTest, AConfigThatCannotBeReadIsNamed) {
  write("home/.gdfuse/default/config", "[auth\n");
  EXPECT_THAT(refusal({}).to_string(), HasSubstr("default/config', line "));
}

}  // namespace
}  // namespace driveway::cli
