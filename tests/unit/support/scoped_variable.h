// Environment variables that are put back.
#pragma once

#include <stdlib.h>

#include <optional>
#include <string>
#include <utility>

namespace driveway::test {

// Sets (or, with nullptr, removes) a variable while it lives. Make it before the client.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const char* value) : name_(std::move(name)) {
    if (const char* old = ::getenv(name_.c_str()); old != nullptr) old_ = old;
    set(value);
  }
  ~ScopedVariable() { set(old_ ? old_->c_str() : nullptr); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      ::unsetenv(name_.c_str());
    } else {
      ::setenv(name_.c_str(), value, 1);
    }
  }
  const std::string name_;
  std::optional<std::string> old_;
};

}  // namespace driveway::test
