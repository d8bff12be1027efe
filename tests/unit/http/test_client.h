// What the tests of http have in common: a client with its clock and metrics, bytes to send.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"
#include "http/http_client.h"
#include "unit/base/temporary_folder.h"
#include "unit/http/test_server.h"
#include "unit/support/scoped_variable.h"

namespace driveway::test {

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
