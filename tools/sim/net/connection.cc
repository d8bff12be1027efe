#include "sim/net/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "sim/net/body.h"
#include "sim/net/head_parser.h"
#include "sim/net/response.h"

namespace driveway::sim {
namespace {

Millis latency_of(CallClass call_class, const NetworkConfig& network) {
  switch (call_class) {
    case CallClass::kGet:
      return network.get_latency;
    case CallClass::kList:
      return network.list_latency;
    case CallClass::kMedia:
      return network.media_first_byte;
    case CallClass::kWrite:
    case CallClass::kUploadData:
      return network.write_latency;
    case CallClass::kOther:
      break;
  }
  return Millis(0);
}

class Connection {
 public:
  Connection(Engine& engine, int fd, const TlsContext* tls, const ConnectionOptions& options)
      : engine_(engine), fd_(fd), tls_(tls), options_(options) {}
  ~Connection() {
    if (counted_) engine_.traffic.connection_closed();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void run();

 private:
  // One request: its text, what it is, and what is noted about it.
  struct Exchange {
    ParsedHead parsed;
    Service* service = nullptr;
    CallInfo info;
    bool admin = false;
    TimePoint began{};
    std::shared_ptr<const Config> config;
    RequestRecord record;
  };

  bool read_head(std::string& text);
  void answer_bad_head(int status, std::string_view explanation);
  Aftermath serve_request(ParsedHead parsed);
  Exchange begin_exchange(ParsedHead parsed);
  bool pass_fault_states(Exchange& exchange);
  bool wait_for_latency(Exchange& exchange);
  void answer(Exchange& exchange, RequestBody& body, Response& response);
  bool answer_fault(Exchange& exchange, Response& response);
  Aftermath finish(Exchange& exchange, RequestBody& body, Response& response);
  std::optional<std::uint64_t> upload_cut(Exchange& exchange);
  void count_connection();
  bool peer_has_gone() const;
  void end_connection(Aftermath aftermath);

  Engine& engine_;
  const int fd_;
  const TlsContext* const tls_;
  const ConnectionOptions options_;
  const std::uint64_t number_ = engine_.connections.fetch_add(1) + 1;
  std::unique_ptr<Stream> stream_;
  std::optional<InputBuffer> input_;
  RateLimiter download_;
  RateLimiter upload_;
  std::vector<std::byte> media_buffer_;
  bool counted_ = false;
  bool connect_latency_due_ = true;
};

void Connection::run() {
  if (tls_ != nullptr) {
    auto stream = tls_->accept(fd_);
    if (!stream.ok()) {
      log::debug("sim: ", stream.error());
      return;
    }
    stream_ = std::move(*stream);
    count_connection();
  } else {
    stream_ = plain_stream(fd_);
  }
  input_.emplace(*stream_, options_.head_limit);
  std::string text;
  Aftermath aftermath = Aftermath::kKeepAlive;
  while (aftermath == Aftermath::kKeepAlive && !engine_.waiter.stopped()) {
    if (!read_head(text)) break;
    auto parsed = parse_head(text);
    if (!parsed.ok()) {
      answer_bad_head(400, "Your client has issued a malformed or illegal request.");
      break;
    }
    if (parsed->head.target.size() > options_.target_limit) {
      answer_bad_head(414, "The requested URL is too large to process.");
      break;
    }
    aftermath = serve_request(std::move(*parsed));
  }
  end_connection(aftermath);
}

// The next request's head; false at the connection's end (what is wrong with it has been answered).
bool Connection::read_head(std::string& text) {
  HeadEnd end;
  for (;;) {
    // Empty lines before a request are skipped (RFC 9112, 2.2).
    while (input_->data().starts_with("\r\n")) input_->consume(2);
    end = find_head_end(input_->data(), end.scanned);
    if (end.verdict == HeadEnd::Verdict::kComplete) {
      text = input_->data().substr(0, end.size);
      input_->consume(end.size);
      return true;
    }
    if (end.verdict == HeadEnd::Verdict::kMalformed && input_->data() != "\r") {
      answer_bad_head(400, "Your client has issued a malformed or illegal request.");
      return false;
    }
    if (input_->full()) {
      answer_bad_head(431, "The request's header is too large.");
      return false;
    }
    const auto count = input_->fill();
    if (!count.ok() || *count == 0) return false;
  }
}

void Connection::answer_bad_head(int status, std::string_view explanation) {
  const ParsedHead nothing;
  const CallInfo info;
  RequestRecord record;
  record.request = engine_.requests.fetch_add(1) + 1;
  record.connection = number_;
  record.tls = tls_ != nullptr;
  record.started = engine_.clock.wall_now();
  count_connection();
  Response response(engine_, *stream_, download_, media_buffer_, nothing, nullptr, info,
                    engine_.clock.now(), {.paced = false, .faulty = false, .keep_alive = false},
                    record);
  response.send_page(status, explanation);
  engine_.traffic.finished(std::move(record));
}

void Connection::count_connection() {
  if (counted_) return;
  counted_ = true;
  engine_.traffic.connection_opened(tls_ != nullptr);
}

Connection::Exchange Connection::begin_exchange(ParsedHead parsed) {
  Exchange exchange;
  exchange.began = engine_.clock.now();
  exchange.config = engine_.config.get();
  exchange.parsed = std::move(parsed);
  RequestHead& head = exchange.parsed.head;
  head.connection = number_;
  head.tls = tls_ != nullptr;
  exchange.admin = head.path.starts_with(kAdminPrefix) && !head.tls;
  if (!exchange.admin) {
    head.request = engine_.requests.fetch_add(1) + 1;
    count_connection();
  }
  for (Service* service : engine_.services) {
    // Under TLS there is no admin: whoever trusts the host name must not find it there.
    if (head.tls && head.path.starts_with(kAdminPrefix)) break;
    if (auto info = service->classify(head)) {
      exchange.service = service;
      exchange.info = std::move(*info);
      break;
    }
  }
  RequestRecord& record = exchange.record;
  record.request = head.request;
  record.connection = number_;
  record.tls = head.tls;
  record.method = exchange.info.method;
  record.http_method = head.method;
  record.target = head.target;
  record.user = exchange.info.user;
  record.started = engine_.clock.wall_now();
  for (const char* name : {"Range", "Content-Range"}) {
    if (const std::string* range = head.header(name)) record.range = *range;
  }
  return exchange;
}

bool Connection::peer_has_gone() const {
  // Not by reading: behind a FIN there may be a body, or TLS's own last words, not read yet.
  pollfd state{fd_, POLLRDHUP, 0};
  return ::poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// `refuse` and `dead`. False when the connection is to be cut.
bool Connection::pass_fault_states(Exchange& exchange) {
  const std::string& path = exchange.parsed.head.path;
  const FaultKind state = engine_.faults.state(exchange.config->faults, path);
  if (state == FaultKind::kNone) return true;
  exchange.record.fault = state;
  if (state == FaultKind::kRefuse) return false;
  const auto alive = [&] {
    const auto config = engine_.config.get();
    return !config->faults.dead || !path.starts_with(config->faults.path_prefix);
  };
  if (!engine_.waiter.wait_for(alive)) return false;
  exchange.config = engine_.config.get();
  // Nobody waits for this answer any more, and what was not answered must not happen.
  return !peer_has_gone();
}

bool Connection::wait_for_latency(Exchange& exchange) {
  const NetworkConfig& network = exchange.config->network;
  if (exchange.info.call_class == CallClass::kOther) return true;
  const double number = draw(network.seed, exchange.record.request, Draw::kLatency);
  const double factor = 1 + network.jitter * (2 * number - 1);
  Duration delay(static_cast<Duration::rep>(
      static_cast<double>(Duration(latency_of(exchange.info.call_class, network)).count()) *
      factor));
  if (std::exchange(connect_latency_due_, false)) delay += network.connect_latency;
  exchange.record.delay = delay;
  return delay <= Duration(0) || engine_.waiter.wait_until(exchange.began + delay);
}

// Where this request's body is cut off, if that fault strikes it: uploads' data, and writes through
// the upload paths of the API's front end.
std::optional<std::uint64_t> Connection::upload_cut(Exchange& exchange) {
  const ParsedHead& parsed = exchange.parsed;
  const bool has_body = parsed.chunked || parsed.content_length.value_or(0) > 0;
  const bool upload =
      exchange.info.call_class == CallClass::kUploadData ||
      (exchange.info.call_class == CallClass::kWrite && parsed.head.path.starts_with("/upload/"));
  const std::uint64_t seed = exchange.config->network.seed;
  const std::uint64_t request = exchange.record.request;
  if (!has_body || !upload ||
      !engine_.faults.upload_reset(exchange.config->faults, seed, request, parsed.head.path)) {
    return std::nullopt;
  }
  exchange.record.fault = FaultKind::kUploadReset;
  const auto length = static_cast<double>(parsed.content_length.value_or(kMiB));
  return static_cast<std::uint64_t>(draw(seed, request, Draw::kPosition) * length);
}

// The injected errors that come before the service; whether one was answered.
bool Connection::answer_fault(Exchange& exchange, Response& response) {
  FaultConfig faults = exchange.config->faults;
  if (exchange.info.call_class == CallClass::kOther) {
    // Rate limits are the API's, and so is its JSON.
    faults.error_429 = 0;
    faults.error_403_rate = 0;
    faults.plain_error_bodies = true;
  }
  const FaultKind fault = engine_.faults.before_service(
      faults, exchange.config->network.seed, exchange.record.request, exchange.parsed.head.path);
  if (fault == FaultKind::kNone) return false;
  exchange.record.fault = fault;
  const bool plain = faults.plain_error_bodies;
  if (fault == FaultKind::kError429) {
    response.send_error(errors::rate_limit_429(), plain, faults.retry_after);
  } else if (fault == FaultKind::kError403) {
    response.send_error(errors::user_rate_limit(), plain, faults.retry_after);
  } else {
    switch (engine_.faults.next_turn(fault) % 3) {
      case 0:
        response.send_error(errors::internal(), plain, false);
        break;
      case 1:
        response.send_page(502, "The server encountered a temporary error. Try again later.");
        break;
      default:
        response.send_error(errors::backend(503), plain, faults.retry_after);
    }
  }
  return true;
}

void Connection::answer(Exchange& exchange, RequestBody& body, Response& response) {
  const RequestHead& head = exchange.parsed.head;
  if (exchange.service == nullptr) {
    response.send_page(404, "The requested URL was not found on this server.");
    return;
  }
  if (!exchange.admin) {
    const auto refusal =
        engine_.quota.charge(exchange.info, exchange.config->quota, engine_.clock.now());
    if (!wait_for_latency(exchange)) return response.drop_connection();
    if (refusal) {
      exchange.record.refused = true;
      return response.send_error(*refusal, exchange.config->faults.plain_error_bodies,
                                 exchange.config->faults.retry_after);
    }
    exchange.record.quota_units = exchange.info.quota_units;
    if (answer_fault(exchange, response)) return;
  }
  try {
    exchange.service->serve(head, exchange.info, body, response);
  } catch (const std::exception& error) {
    log::error("sim: ", exchange.info.method, ": ", error.what());
  }
  if (response.used()) return;
  if (body.broken()) return response.drop_connection();  // nobody is there to hear it
  log::error("sim: no answer to ", exchange.info.method);
  response.send_error(errors::internal(), false, false);
}

// What is left of the body, and what becomes of the connection.
Aftermath Connection::finish(Exchange& exchange, RequestBody& body, Response& response) {
  Aftermath aftermath = response.aftermath();
  if (body.cut()) aftermath = Aftermath::kReset;
  if (aftermath == Aftermath::kKeepAlive && !body.drain()) aftermath = Aftermath::kClose;
  RequestRecord& record = exchange.record;
  record.bytes_in = body.received();
  record.duration = engine_.clock.now() - exchange.began;
  log::debug("sim: ", record.request, " ", record.http_method, " ", record.target, " ",
             record.status, " ", record.bytes_out, " ", to_string(record.fault));
  if (!exchange.admin) engine_.traffic.finished(std::move(record));
  return aftermath;
}

Aftermath Connection::serve_request(ParsedHead parsed) {
  Exchange exchange = begin_exchange(std::move(parsed));
  const ParsedHead& request = exchange.parsed;
  const bool ordinary = !exchange.admin && exchange.service != nullptr;
  const bool paced = ordinary && exchange.info.call_class != CallClass::kOther;
  if (!exchange.admin && !pass_fault_states(exchange)) {
    engine_.traffic.finished(std::move(exchange.record));
    return Aftermath::kReset;
  }
  RequestBody body(engine_, *stream_, *input_, {request.content_length, request.chunked},
                   paced ? &upload_ : nullptr,
                   {request.expects_continue && !request.http_1_0,
                    ordinary ? upload_cut(exchange) : std::nullopt});
  Response response(
      engine_, *stream_, download_, media_buffer_, request, &body, exchange.info, exchange.began,
      {.paced = paced, .faulty = ordinary, .keep_alive = request.keep_alive}, exchange.record);
  answer(exchange, body, response);
  return finish(exchange, body, response);
}

void Connection::end_connection(Aftermath aftermath) {
  if (aftermath == Aftermath::kReset) {
    // Closing with this set sends RST and throws away what was not sent yet.
    const linger reset{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return;
  }
  stream_->finish();
  // Closing with unread input would send RST, which can overtake the answer: read to the peer's
  // end, but not for long.
  const timeval patience{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::vector<std::byte> buffer(64 * kKiB);
  for (int rounds = 0; rounds < 64; ++rounds) {
    if (::recv(fd_, buffer.data(), buffer.size(), 0) <= 0) break;
  }
}

}  // namespace

void serve_connection(Engine& engine, int fd, const TlsContext* tls,
                      const ConnectionOptions& options) {
  Connection(engine, fd, tls, options).run();
}

}  // namespace driveway::sim
