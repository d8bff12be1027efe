// Collected answers: what is sent, what comes back, what an error says.
#include "http/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "unit/http/test_client.h"

namespace driveway::http {
namespace {

using test::Peer;
using test::ReceivedRequest;
using test::TestClient;
using test::TestServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

void echo(const ReceivedRequest& request, Peer& peer) {
  peer.respond(200, cat(request.method, " ", request.target, " ", request.body),
               {{"X-Thing", "one"}, {"X-Thing", "two"}, {"Content-Type", "text/plain"}});
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST(HttpClient, CollectsAnAnswerWithItsHeaders) {
  TestServer server(echo);
  TestClient client({.user_agent = "driveway/1 (gzip)"});
  Request request = client.get(server.url("/a/b?c=d%20e"));
  request.headers = {{"X-Mine", "7"}, {"X-Empty", ""}};
  request.bearer = Secret("ya29.token");
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "GET /a/b?c=d%20e ");
  EXPECT_EQ(*response->header("x-thing"), "one");
  EXPECT_EQ(response->header("missing"), nullptr);
  const ReceivedRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.header("authorization"), "Bearer ya29.token");
  EXPECT_EQ(seen.header("user-agent"), "driveway/1 (gzip)");
  EXPECT_EQ(seen.header("x-mine"), "7");
  EXPECT_TRUE(seen.headers.contains("x-empty"));
  EXPECT_FALSE(seen.headers.contains("accept-encoding"));
  EXPECT_EQ(client.metric("http.requests"), 1);
  EXPECT_EQ(client.metric("http.in_flight"), 0);
  EXPECT_EQ(client.metric("http.first_byte.count"), 1);
}

TEST(HttpClient, SendsEachMethodWithItsBody) {
  TestServer server(echo);
  TestClient client;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"POST", "body"}, {"PATCH", "{}"}, {"PUT", ""}, {"POST", ""}, {"DELETE", ""}};
  for (const auto& [method, body] : cases) {
    Request request = client.get(server.url("/x"));
    request.method = method;
    request.body = body;
    if (!body.empty()) request.headers = {{"Content-Type", "application/json"}};
    const auto response = client.http->fetch(client.soon(), std::move(request));
    ASSERT_TRUE(response.ok()) << response.error().to_string();
    EXPECT_EQ(response->body, cat(method, " /x ", body));
    const ReceivedRequest seen = server.requests().back();
    EXPECT_EQ(seen.header("content-type"), body.empty() ? "" : "application/json");
    EXPECT_FALSE(seen.headers.contains("expect"));
    // A status query of an upload is an empty PUT and must say so (drive-api reference 5.4).
    if (method != "DELETE") {
      EXPECT_EQ(seen.header("content-length"), cat(body.size()));
    }
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, AnswersOfAnyStatusAreResponses) {
  TestServer server([](const ReceivedRequest& request, Peer& peer) {
    if (request.target == "/308") {
      peer.respond(308, "", {{"Range", "bytes=0-262143"}});
    } else if (request.target == "/302") {
      peer.respond(302, "", {{"Location", "/elsewhere"}});
    } else if (request.target == "/204") {
      peer.write("HTTP/1.1 204 No Content\r\n\r\n");
    } else if (request.target == "/100") {
      peer.write("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n");
      peer.respond(200, "late");
    } else {
      peer.respond(503, "<html>");
    }
  });
  TestClient client;
  const auto get = [&](const char* path) {
    return client.http->fetch(client.soon(), client.get(server.url(path)));
  };
  auto resume = get("/308");
  ASSERT_TRUE(resume.ok()) << resume.error().to_string();
  EXPECT_EQ(resume->status, 308);
  EXPECT_EQ(*resume->header("range"), "bytes=0-262143");
  EXPECT_EQ(get("/302")->status, 302);  // not followed
  EXPECT_EQ(get("/204")->status, 204);
  const auto late = get("/100");
  EXPECT_EQ(late->body, "late");
  EXPECT_EQ(late->header("x-early"), nullptr);
  EXPECT_EQ(get("/busy")->status, 503);
  EXPECT_EQ(server.requests().size(), 5U);
}

TEST(HttpClient, AHeadAnswerHasNoBody) {
  TestServer server([](const ReceivedRequest&, Peer& peer) {
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
  });
  TestClient client;
  Request request = client.get(server.url());
  request.method = "HEAD";
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(*response->header("content-length"), "99999999999");
}

TEST(HttpClient, AsksForGzipAndDecodesIt) {
  const std::string text(100'000, 'x');
  TestServer server([&](const ReceivedRequest& request, Peer& peer) {
    EXPECT_EQ(request.header("accept-encoding"), "gzip");
    peer.respond(200, gzip(text), {{"Content-Encoding", "gzip"}});
  });
  TestClient client;
  Request request = client.get(server.url());
  request.accept_gzip = true;
  const auto response = client.http->fetch(client.soon(), request);
  ASSERT_TRUE(response.ok()) << response.error().to_string();
  EXPECT_EQ(response->body, text);

  request.max_body = 50'000;  // of what is unpacked: a bomb does not get past it
  EXPECT_TRUE(client.http->fetch(client.soon(), request).failed_with(ErrorCode::kTooLarge));
}

TEST(HttpClient, AnswersAboveMaxBodyAreRefused) {
  TestServer server([](const ReceivedRequest& request, Peer& peer) {
    if (request.target == "/announced") {
      peer.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
    } else {
      peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n");
      peer.write(std::string(1000, 'x') + "\r\n3e8\r\n" + std::string(1000, 'x'));
    }
    peer.wait_closed();
  });
  TestClient client;
  for (const char* path : {"/announced", "/chunked"}) {
    Request request = client.get(server.url(path));
    request.max_body = 1500;
    const auto response = client.http->fetch(client.soon(), std::move(request));
    EXPECT_TRUE(response.failed_with(ErrorCode::kTooLarge)) << path;
  }
}

TEST(HttpClient, ErrorsNameHostAndPathOnly) {
  TestServer server([](const ReceivedRequest&, Peer& peer) { peer.reset(); });
  TestClient client;
  Request request = client.get(server.url("/files/1?upload_id=SECRET1#SECRET2"));
  request.headers = {{"X-Key", "SECRET3"}};
  request.bearer = Secret("SECRET4");
  const auto response = client.http->fetch(client.soon(), std::move(request));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(response.error().retryable);
  EXPECT_THAT(response.error().to_string(),
              AllOf(HasSubstr(cat("GET 127.0.0.1:", server.port(), "/files/1: ")),
                    Not(HasSubstr("SECRET"))));
}

TEST(HttpClient, RefusesRequestsThatMustNotBeSent) {
  TestServer server(echo);
  TestClient client;
  std::vector<Request> bad(7, client.get(server.url()));
  bad[0].url = "ftp://host/";
  bad[1].url = "";
  bad[2].url = "http://user:SECRET@127.0.0.1/";
  bad[3].headers = {{"X-A", "1\r\nX-B: SECRET"}};
  bad[4].bearer = Secret("a\r\nX-B: SECRET");
  bad[5].method = "GET / HTTP/1.1\r\nX";
  bad[6].url = server.url("/a b");
  for (Request& request : bad) {
    const auto response = client.http->fetch(client.soon(), std::move(request));
    ASSERT_TRUE(response.failed_with(ErrorCode::kInvalidArgument));
    EXPECT_THAT(response.error().to_string(), Not(HasSubstr("SECRET")));
    EXPECT_FALSE(response.error().retryable);
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST(HttpClient, AnAnswerThatIsNoHttpIsCorrupt) {
  TestServer server([](const ReceivedRequest&, Peer& peer) {
    peer.write("SMTP ready\r\n\r\n");
    peer.close();
  });
  TestClient client;
  const auto response = client.http->fetch(client.soon(), client.get(server.url()));
  ASSERT_TRUE(response.failed_with(ErrorCode::kCorrupt)) << response.error().to_string();
  EXPECT_TRUE(response.error().retryable);
}

TEST(HttpClient, NobodyListensIsUnavailable) {
  int port = 0;
  { port = TestServer(echo).port(); }
  TestClient client;
  const auto response =
      client.http->fetch(client.soon(), client.get(cat("http://127.0.0.1:", port, "/")));
  ASSERT_TRUE(response.failed_with(ErrorCode::kUnavailable)) << response.error().to_string();
  EXPECT_TRUE(response.error().retryable);
}

TEST(HttpClient, EncodesQueries) {
  EXPECT_EQ(encode_query({}), "");
  EXPECT_EQ(encode_query({{"q", "'a b' in parents&c"}, {"x/y", "ü"}}),
            "q=%27a%20b%27%20in%20parents%26c&x%2Fy=%C3%BC");
}

}  // namespace
}  // namespace driveway::http
