// Logins that other programs have stored, for the tests of their readers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "auth/credential.h"
#include "auth/environment.h"
#include "base/file.h"
#include "base/result.h"
#include "unit/base/temporary_folder.h"

namespace driveway::auth {

class ForeignLoginTest : public testing::Test {
 protected:
  ForeignLoginTest() {
    environment_.home = folder_ / "home";
    environment_.config_home = folder_ / "xdg-config";
    environment_.data_home = folder_ / "xdg-data";
    environment_.cache_home = folder_ / "xdg-cache";
  }
  void write(const std::string& path, const std::string& content = "") const {
    const auto whole = folder_ / path;
    std::filesystem::create_directories(whole.parent_path());
    EXPECT_TRUE(write_file_atomically(whole, content, 0600).ok());
  }
  // The error of `login`, which shows no secret.
  static Error refusal_of(const Result<Credential>& login) {
    using testing::HasSubstr;
    using testing::Not;
    EXPECT_FALSE(login.ok());
    const Error error = login.ok() ? Error{} : login.error();
    EXPECT_THAT(error.to_string(), testing::AllOf(Not(HasSubstr("GOCSPX")), Not(HasSubstr("1//"))));
    return error;
  }

  TemporaryFolder folder_;
  Environment environment_;
};

}  // namespace driveway::auth
