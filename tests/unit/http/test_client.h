// What the tests of http have in common: a client with its clock and metrics, environment variables
// that are put back, bytes to send.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "http/http_client.h"
#include "unit/base/temporary_folder.h"
#include "unit/http/test_server.h"

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

struct TestClient {
  explicit TestClient(http::Options options = {})
      : http(http::make_curl_client(std::move(options), clock, metrics)) {}

  http::Request get(std::string url, http::Pool pool = http::Pool::kMetadata) const {
    http::Request request;
    request.url = std::move(url);
    request.pool = pool;
    return request;
  }
  // Twenty seconds: nothing in a test takes so long unless it hangs.
  Context soon() const { return Context{.deadline = clock.now() + std::chrono::seconds(20)}; }
  std::int64_t metric(const std::string& name) const { return metrics.snapshot().at(name); }

  SystemClock clock;
  Metrics metrics;
  std::unique_ptr<http::HttpClient> http;
};

// Bytes that differ from place to place.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 12345;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

// Collects what it is given.
class StringSink : public ByteSink {
 public:
  Status write(std::span<const std::byte> data) override {
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::string text;
};

}  // namespace driveway::test
