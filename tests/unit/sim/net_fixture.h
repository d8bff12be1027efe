// A server on a free port with one small service, for tests of everything below the services.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/net/server.h"
#include "unit/sim/net_client.h"

namespace driveway::sim::test {

// Byte number i is a mix of i: a shifted or doubled range shows.
class PatternContent final : public ContentSource {
 public:
  explicit PatternContent(Bytes size) : size_(size) {}
  Bytes size() const override { return size_; }
  void read_at(Bytes offset, std::span<std::byte> buffer) const override {
    for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = at(offset + i);
  }
  static std::byte at(Bytes i) { return static_cast<std::byte>((i * 131 + (i >> 8) * 17) & 0xff); }
  static std::string text(Bytes offset, Bytes length) {
    std::string out(length, '\0');
    for (Bytes i = 0; i < length; ++i) out[i] = static_cast<char>(at(offset + i));
    return out;
  }

 private:
  Bytes size_;
};

// /t/get, /t/list, /t/other: JSON with the parameter `size` as length of its padding.
// /t/media?size=N; /t/chunked?size=N.
// /t/write, /upload/t/write, /t/put: read the body, answer its size; `commits` counts those that
// came
//   whole, `partial` gets the size of one that did not.
// /t/early: answers 403 without reading the body. /t/throw, /t/silent, /t/drop.
class TestService final : public Service {
 public:
  std::optional<CallInfo> classify(const RequestHead& head) override {
    CallInfo info;
    info.method = head.path;
    if (const auto* user = head.query_value("user")) info.user = *user;
    if (head.path == "/t/get") {
      info.call_class = CallClass::kGet;
      info.quota_units = 5;
    } else if (head.path == "/t/list") {
      info.call_class = CallClass::kList;
      info.quota_units = 100;
    } else if (head.path == "/t/media" || head.path == "/t/chunked") {
      info.call_class = CallClass::kMedia;
      info.quota_units = 200;
    } else if (head.path == "/t/write" || head.path == "/upload/t/write" ||
               head.path == "/t/early") {
      info.call_class = CallClass::kWrite;
      info.quota_units = 50;
      info.counts_as_write = true;
    } else if (head.path == "/t/put") {
      info.call_class = CallClass::kUploadData;
    } else if (!head.path.starts_with("/t/") && !head.path.starts_with("/__sim/")) {
      return std::nullopt;
    }
    return info;
  }

  void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
             Responder& responder) override {
    const std::string* parameter = head.query_value("size");
    const Bytes size = parameter ? parse_uint(*parameter).value_or(0) : 0;
    if (head.path == "/t/media") return serve_media(head, size, responder);
    if (head.path == "/t/chunked") {
      return responder.send_chunked(200, "text/plain", PatternContent::text(0, size));
    }
    if (head.path == "/t/early") return responder.send(403, "application/json", "{}");
    if (head.path == "/t/throw") throw std::runtime_error("a defect");
    if (head.path == "/t/silent") return;
    if (head.path == "/t/drop") return responder.drop_connection();
    if (head.path == "/t/inner") {
      responder.add_header("X-Inner", "reached");
      if (const auto refusal = responder.charge_inner_call(info)) {
        return responder.send(refusal->status, "application/json", refusal->body);
      }
      responder.count_inner_call(info, 200);
    }
    if (info.call_class == CallClass::kWrite || info.call_class == CallClass::kUploadData) {
      return serve_write(body, responder);
    }
    responder.add_header("X-Tricky", "one\r\nX-Injected: two");
    responder.send(200, "application/json", cat("{\"pad\":\"", std::string(size, 'x'), "\"}"));
  }

  std::atomic<int> commits{0};
  std::atomic<Bytes> partial{0};

 private:
  static void serve_media(const RequestHead& head, Bytes size, Responder& responder) {
    const PatternContent content(size);
    const ParsedRange range = parse_range(head.header("Range"), size);
    if (range.verdict == RangeVerdict::kUnsatisfiable) {
      responder.add_header("Content-Range", cat("bytes */", size));
      return responder.send(416, "application/json", "{}");
    }
    responder.send_media(
        "application/octet-stream", content,
        range.verdict == RangeVerdict::kNone ? std::nullopt : std::optional(range.range));
  }

  void serve_write(BodyReader& body, Responder& responder) {
    std::vector<std::byte> buffer(10'000);
    Bytes received = 0;
    for (;;) {
      const auto count = body.read(buffer);
      if (!count.ok()) {
        partial = received;
        return;
      }
      if (*count == 0) break;
      received += *count;
    }
    ++commits;
    responder.send(200, "application/json", cat("{\"received\":", received, "}"));
  }
};

class ServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    if (options.listen.empty()) options.listen.push_back({});
    engine_.services.push_back(&service_);
    auto server = Server::start(std::move(options), engine_, std::nullopt);
    ASSERT_TRUE(server.ok()) << server.error().to_string();
    server_ = std::move(*server);
  }
  std::uint16_t port() const { return server_->addresses().at(0).port; }
  RawClient client() const { return RawClient(port()); }
  void patch(const nlohmann::json& change) {
    const Status status = config_.patch(change);
    ASSERT_TRUE(status.ok()) << status.error().to_string();
  }
  // A client has its answer a moment before the request is noted.
  void await_log() const {
    while (engine_.traffic.log(0, "", 100'000).at("last") != engine_.requests.load()) {
      std::this_thread::yield();
    }
  }
  nlohmann::json last_log_entry() const {
    await_log();
    return engine_.traffic.log(0, "", 100'000).at("entries").back();
  }
  nlohmann::json stats() const {
    await_log();
    return engine_.traffic.stats();
  }

  FakeClock clock_{true};  // waits end at once, and time has passed
  ConfigStore config_{Config{}};
  Engine engine_{config_, clock_};
  TestService service_;
  std::unique_ptr<Server> server_;
};

}  // namespace driveway::sim::test
