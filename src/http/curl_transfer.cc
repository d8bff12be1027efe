#include "http/curl_transfer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "base/strings.h"
#include "http/curl_errors.h"
#include "http/request_text.h"

namespace driveway::http {

namespace {

constexpr long kMediaBuffer = 512 * 1024;    // one recv() of a fast stream
constexpr long kMetadataBuffer = 64 * 1024;  // it is kept with the recycled handle
// A connection unused for so long is not trusted any more: NATs and front ends forget in minutes.
constexpr long kMaxConnectionAgeSeconds = 110;
constexpr std::size_t kMaxHead = 256 * 1024;

// CURLOPT_PROTOCOLS_STR came with libcurl 7.85: that of Ubuntu 22.04 (7.81) would refuse it, and
// then take any protocol.
void allow_http_only(CURL* easy) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#pragma GCC diagnostic pop
}

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// No control character could start a header of its own.
bool is_header_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

}  // namespace

Transfer::Transfer(Request request, CallObserver& observer)
    : request_(std::move(request)),
      origin_(url_origin(request_.url)),
      text_(request_text(request_.method, request_.url)),
      observer_(&observer) {}

Transfer::~Transfer() {
  // One of the lines holds the bearer token.
  for (curl_slist* line = header_list_; line != nullptr; line = line->next) {
    explicit_bzero(line->data, std::strlen(line->data));
  }
  curl_slist_free_all(header_list_);
}

void Transfer::detach(bool on_io_thread) {
  if (on_io_thread) {
    observer_ = nullptr;  // the mutex may be held by a caller of ours
    return;
  }
  const std::lock_guard lock(callback_mutex_);
  observer_ = nullptr;
}

Status Transfer::check() const {
  const auto refuse = [this](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument, cat(text_, ": ", why)};
  };
  if (origin_.empty()) return refuse("the URL must be http or https and name a host");
  if (request_.url.find_first_of(" \t\r\n") != std::string::npos)
    return refuse("white space in the URL");
  if (request_.method.empty() || !is_visible_ascii(request_.method)) return refuse("bad method");
  if (!is_visible_ascii(request_.bearer.reveal())) {
    return refuse("the access token has characters that no token has");
  }
  for (const auto& [name, value] : request_.headers) {
    if (name.empty() || !is_visible_ascii(name) || name.find(':') != std::string::npos ||
        !is_header_value(value)) {
      return refuse("a header has characters that no header may have");
    }
  }
  return {};
}

Status Transfer::attach(CURL* easy, Wiring& wiring) {
  easy_ = easy;
  wiring_ = &wiring;
  attached_ = wiring.now;
  last_activity_ = wiring.now;
  DRIVEWAY_CHECK(set_common(easy));
  set_callbacks(easy);
  set_body(easy);
  if (!set_headers(easy)) return Error{ErrorCode::kInternal, cat(text_, ": out of memory")};
  return {};
}

// Options that a libcurl older than the headers does not know are refused by it and do no harm:
// only those without which a request must not leave are checked.
Status Transfer::set_common(CURL* easy) {
  const bool media = request_.pool == Pool::kMedia;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy, CURLOPT_SHARE, wiring_->share);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  allow_http_only(easy);
  curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // from 7.87 on; before, an exit may be slower
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, kMaxConnectionAgeSeconds);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, media ? kMediaBuffer : kMetadataBuffer);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, media ? kMediaBuffer : kMetadataBuffer);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const auto connect_timeout =
      std::chrono::ceil<std::chrono::milliseconds>(request_.connect_timeout).count();
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(connect_timeout));
  if (!wiring_->options.user_agent.empty()) {
    curl_easy_setopt(easy, CURLOPT_USERAGENT, wiring_->options.user_agent.c_str());
  }
  if (request_.accept_gzip) curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
  if (!request_.repeatable && request_.body_source == nullptr) {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);  // libcurl repeats only on a kept one
  }
  set_proxy(easy);
  if (!wiring_->roots.apply(easy)) {
    return Error{ErrorCode::kInternal, cat(text_, ": this libcurl cannot verify certificates")};
  }
  if (curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str()) != CURLE_OK) {
    return Error{ErrorCode::kInvalidArgument, cat(text_, ": the URL is not understood")};
  }
  return {};
}

void Transfer::set_proxy(CURL* easy) {
  if (!request_.use_proxy) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    return;
  }
  // libcurl reads the variables itself, but HTTP_PROXY only in lower case: in a CGI program the
  // upper-case one could come from a request's header. This is none, unless REQUEST_METHOD says so.
  const auto* lower = std::getenv("http_proxy");    // NOLINT(concurrency-mt-unsafe)
  const auto* upper = std::getenv("HTTP_PROXY");    // NOLINT(concurrency-mt-unsafe)
  const auto* cgi = std::getenv("REQUEST_METHOD");  // NOLINT(concurrency-mt-unsafe)
  if (origin_.starts_with("http://") && lower == nullptr && upper != nullptr && cgi == nullptr) {
    curl_easy_setopt(easy, CURLOPT_PROXY, upper);
  }
}

void Transfer::set_callbacks(CURL* easy) {
  using Self = Transfer*;
  const auto on_header = +[](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Self>(self)->take_header(std::string_view(data, size * count));
  };
  const auto on_body = +[](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Self>(self)->take_body(std::as_bytes(std::span(data, size * count)));
  };
  const auto on_read = +[](char* data, std::size_t size, std::size_t count, void* self) {
    return static_cast<Self>(self)->give_body(
        std::as_writable_bytes(std::span(data, size * count)));
  };
  const auto on_seek = +[](void* self, curl_off_t offset, int origin) {
    return static_cast<Self>(self)->rewind_body(offset, origin);
  };
  const auto on_resolve = +[](void*, void*, void* self) {
    static_cast<Self>(self)->resolving_ = true;
    return 0;
  };
  const auto on_socket = +[](void* self, curlsocktype, curl_sockaddr* address) {
    return static_cast<Self>(self)->open_socket(*address);
  };
  const auto on_ready = +[](void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Self>(self);
    transfer.resolving_ = false;
    transfer.connected_ = true;
    transfer.note_activity();
    return transfer.abandoned_ ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
  };
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, this);
  curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
  curl_easy_setopt(easy, CURLOPT_SEEKDATA, this);
  curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
  curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, this);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
}

void Transfer::set_body(CURL* easy) {
  const std::string& method = request_.method;
  if (request_.body_source != nullptr) {
    const auto size = request_.body_source->size();
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
                     size ? static_cast<curl_off_t>(*size) : curl_off_t{-1});
  } else if (method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else if (!request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    // A body, if only an empty one: Content-Length is always said.
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  if (method != "GET" || !request_.body.empty() || request_.body_source != nullptr) {
    if (method != "HEAD") curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

bool Transfer::append_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(header_list_, line.c_str());
  if (longer == nullptr) return false;
  header_list_ = longer;
  return true;
}

bool Transfer::set_headers(CURL* easy) {
  bool has_type = false;
  for (const auto& [name, value] : request_.headers) {
    has_type = has_type || equals_ignoring_case(name, "content-type");
    // "name;" is how libcurl is told to send a header without a value.
    if (!append_header(value.empty() ? cat(name, ";") : cat(name, ": ", value))) return false;
  }
  // No waiting for 100-continue, and no content type that libcurl makes up.
  if (!append_header("Expect:")) return false;
  if (!has_type && !append_header("Content-Type:")) return false;
  if (!request_.bearer.empty()) {
    const Secret line(cat("Authorization: Bearer ", request_.bearer.reveal()));
    if (!append_header(line.reveal())) return false;
  }
  return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_) == CURLE_OK;
}

std::size_t Transfer::fail(Error error, std::size_t answer) {
  if (!own_error_) own_error_ = std::move(error);
  return answer;
}

std::size_t Transfer::take_header(std::string_view line) {
  note_activity();
  if (!std::exchange(first_byte_seen_, true)) {
    connected_ = true;
    wiring_->first_byte.record(std::chrono::steady_clock::now() - attached_);
  }
  if (head_done_) return line.size();  // trailers: nothing that we use
  head_bytes_ += line.size();
  if (head_bytes_ > kMaxHead) {
    return fail(Error{ErrorCode::kCorrupt, cat(text_, ": the answer's headers have no end")}, 0);
  }
  const std::string_view text = trim(line);
  if (text.empty()) return end_of_head() ? line.size() : 0;
  if (text.starts_with("HTTP/")) {
    response_.headers.clear();
    return line.size();
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.emplace_back(to_lower(trim(text.substr(0, colon))),
                                   std::string(trim(text.substr(colon + 1))));
  }
  return line.size();
}

// False ends the transfer.
bool Transfer::end_of_head() {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return true;  // 100 and its like: the real head follows
  head_done_ = true;
  response_.status = static_cast<int>(status);
  {
    const std::lock_guard lock(callback_mutex_);
    if (observer_ == nullptr) return false;
    streamed_ = observer_->on_head(response_);
  }
  if (streamed_) return true;
  const std::string* length = response_.header("content-length");
  const auto announced = length == nullptr ? std::nullopt : parse_uint(*length);
  if (request_.body_source != nullptr && response_.status >= 300) {
    const auto size = request_.body_source->size();
    refused_early_ = size && sent_ < *size;
  }
  if (announced && request_.method != "HEAD") {
    if (*announced > request_.max_body) {
      fail(Error{ErrorCode::kTooLarge, cat(text_, ": an answer of ", *announced, " bytes")}, 0);
      return false;
    }
    response_.body.reserve(*announced);
  }
  return true;
}

std::size_t Transfer::collect(std::span<const std::byte> data) {
  if (response_.body.size() + data.size() > request_.max_body) {
    return fail(Error{ErrorCode::kTooLarge,
                      cat(text_, ": an answer of more than ", request_.max_body, " bytes")},
                0);
  }
  response_.body.append(reinterpret_cast<const char*>(data.data()), data.size());
  return data.size();
}

Bytes Transfer::allowance(RateLimit& limit, bool& limited) {
  if (request_.pool != Pool::kMedia) return std::numeric_limits<Bytes>::max();
  const Bytes allowed = limit.allowance(wiring_->now);
  limited = allowed == 0;
  if (limited) {
    limit.enqueue(this);
  } else {
    limit.remove(this);
  }
  return allowed;
}

std::size_t Transfer::take_body(std::span<const std::byte> data) {
  note_activity();
  if (!streamed_) {
    const std::size_t taken = collect(data);
    if (taken > 0) wiring_->bytes_in.add(taken);
    return taken;
  }
  if (allowance(wiring_->downloads, receive_limited_) == 0) return CURL_WRITEFUNC_PAUSE;
  const std::lock_guard lock(callback_mutex_);
  if (observer_ == nullptr) return 0;  // gone: the cancel command is on its way
  if (observer_->on_data(data) != data.size()) {
    receive_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (request_.pool == Pool::kMedia) wiring_->downloads.spend(data.size());
  if (!std::exchange(fed_, true)) wiring_->fed.push_back(this);
  wiring_->bytes_in.add(data.size());
  return data.size();
}

void Transfer::batch_end() {
  fed_ = false;
  const std::lock_guard lock(callback_mutex_);
  if (observer_ != nullptr) observer_->on_batch();
}

std::size_t Transfer::give_body(std::span<std::byte> buffer) {
  note_activity();
  BodySource& source = *request_.body_source;
  const Bytes allowed = allowance(wiring_->uploads, send_limited_);
  if (allowed == 0) return CURL_READFUNC_PAUSE;
  buffer = buffer.first(static_cast<std::size_t>(std::min<Bytes>(buffer.size(), allowed)));
  const std::lock_guard lock(callback_mutex_);
  if (observer_ == nullptr) return CURL_READFUNC_ABORT;
  const auto size = source.size();
  if (size)
    buffer = buffer.first(
        static_cast<std::size_t>(std::min<Bytes>(buffer.size(), *size - std::min(*size, sent_))));
  if (buffer.empty()) return 0;
  Result<std::size_t> given = source.read(buffer);
  if (!given.ok()) {
    if (given.failed_with(ErrorCode::kUnavailable) && given.error().retryable) {
      send_paused_ = true;
      return CURL_READFUNC_PAUSE;
    }
    return fail(wrap(std::move(given).error(), text_), CURL_READFUNC_ABORT);
  }
  if (*given == 0 && size) {
    return fail(Error{ErrorCode::kInvalidArgument,
                      cat(text_, ": the body ended after ", sent_, " of ", *size, " bytes")},
                CURL_READFUNC_ABORT);
  }
  sent_ += *given;
  wiring_->bytes_out.add(*given);
  if (request_.pool == Pool::kMedia) wiring_->uploads.spend(*given);
  return *given;
}

int Transfer::rewind_body(curl_off_t offset, int origin) {
  if (request_.body_source == nullptr || offset != 0 || origin != SEEK_SET) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  if (!request_.repeatable && sent_ > 0) return CURL_SEEKFUNC_FAIL;
  const std::lock_guard lock(callback_mutex_);
  if (observer_ == nullptr) return CURL_SEEKFUNC_FAIL;
  if (Status rewound = request_.body_source->rewind(); !rewound.ok()) {
    fail(wrap(std::move(rewound).error(), text_), 0);
    return CURL_SEEKFUNC_FAIL;
  }
  sent_ = 0;
  send_paused_ = false;  // the new request begins running
  return CURL_SEEKFUNC_OK;
}

curl_socket_t Transfer::open_socket(const curl_sockaddr& address) {
  resolving_ = false;
  if (abandoned_) return CURL_SOCKET_BAD;
  return ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
}

CURLcode Transfer::resume() {
  if (!receive_paused_ && !send_paused_) return CURLE_OK;
  receive_paused_ = false;
  send_paused_ = false;
  return go_on();
}

CURLcode Transfer::resume_limited() {
  receive_limited_ = false;
  send_limited_ = false;
  return go_on();
}

// In both directions: who must not go on yet is asked, and pauses again.
CURLcode Transfer::go_on() {
  last_activity_ = wiring_->now;
  return curl_easy_pause(easy_, CURLPAUSE_CONT);
}

// A slow upload shows in no callback while libcurl's buffer and the kernel's drain: asks both.
bool Transfer::progressed() {
  curl_off_t uploaded = 0;
  curl_socket_t socket = CURL_SOCKET_BAD;
  int unsent = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  curl_easy_getinfo(easy_, CURLINFO_ACTIVESOCKET, &socket);
  if (socket == CURL_SOCKET_BAD || ::ioctl(socket, SIOCOUTQ, &unsent) != 0) unsent = 0;
  const curl_off_t progress = uploaded - unsent;
  return std::exchange(last_progress_, progress) != progress;
}

bool Transfer::idle_for_too_long(TimePoint now) {
  if (!connected_ || receive_paused_ || send_paused_) return false;
  if (receive_limited_ || send_limited_) return false;
  const bool has_body = request_.body_source != nullptr || !request_.body.empty();
  if (has_body && progressed()) last_activity_ = now;
  return now - last_activity_ >= request_.idle_timeout;
}

Result<Response> Transfer::outcome(CURLcode code) {
  if (request_.body_source == nullptr && !request_.body.empty()) {
    curl_off_t uploaded = 0;
    curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    if (uploaded > 0) wiring_->bytes_out.add(static_cast<std::uint64_t>(uploaded));
  }
  if (code == CURLE_OK) return std::move(response_);
  if (own_error_) return *std::move(own_error_);
  // Of a server that refused before it had all of the body, and then closed without reading on,
  // libcurl may see the end of the connection before the end of the answer.
  if (refused_early_) return std::move(response_);
  return transfer_error(code, text_, error_text_.data(), wiring_->roots.description());
}

void Transfer::finish(Result<Response> result) {
  if (finished_.exchange(true)) return;
  const std::lock_guard lock(callback_mutex_);
  if (CallObserver* observer = std::exchange(observer_, nullptr); observer != nullptr) {
    observer->on_done(std::move(result));
  }
}

}  // namespace driveway::http
