// What one look at the machine found, and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace driveway::doctor {

enum class Outcome { kOk, kWarn, kFail, kNotChecked };

// The stable name of an outcome, for JSON and for the beginning of a line: "ok", "warn", "fail",
// "not_checked".
constexpr std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kWarn:
      return "warn";
    case Outcome::kFail:
      return "fail";
    case Outcome::kNotChecked:
      break;
  }
  return "not_checked";
}

// Holds no secret, but texts of others (Drive's, libcurl's): whoever shows it redacts it once more.
struct Finding {
  std::string name;  // of the check; scripts depend on it
  Outcome outcome = Outcome::kOk;
  std::string found;   // one line; why not, where it was not checked
  std::string remedy;  // a command to run or a thing to do; empty if ok or not checked
};

inline Finding ok(std::string_view name, std::string found) {
  return {std::string(name), Outcome::kOk, std::move(found), ""};
}
inline Finding warn(std::string_view name, std::string found, std::string remedy) {
  return {std::string(name), Outcome::kWarn, std::move(found), std::move(remedy)};
}
inline Finding fail(std::string_view name, std::string found, std::string remedy) {
  return {std::string(name), Outcome::kFail, std::move(found), std::move(remedy)};
}
inline Finding not_checked(std::string_view name, std::string why) {
  return {std::string(name), Outcome::kNotChecked, std::move(why), ""};
}

}  // namespace driveway::doctor
