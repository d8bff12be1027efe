#include "http/curl_loop.h"
#include "http/curl_transfer.h"
#include "http/http_client.h"
#include "http/tls_roots.h"

namespace driveway::http {

namespace {

class CurlCall final : public Call {
 public:
  CurlCall(std::shared_ptr<CurlLoop> loop, std::shared_ptr<Transfer> transfer)
      : loop_(std::move(loop)), transfer_(std::move(transfer)) {}
  ~CurlCall() override {
    transfer_->detach(loop_->on_io_thread());
    if (!transfer_->finished()) loop_->cancel(transfer_);
  }
  CurlCall(const CurlCall&) = delete;
  CurlCall& operator=(const CurlCall&) = delete;
  void resume() override { loop_->resume(transfer_); }
  void cancel() override { loop_->cancel(transfer_); }

 private:
  const std::shared_ptr<CurlLoop> loop_;
  const std::shared_ptr<Transfer> transfer_;
};

class CurlClient final : public HttpClient {
 public:
  CurlClient(Options options, Clock& clock, Metrics& metrics)
      : HttpClient(clock, options.media_buffer),
        loop_(std::make_shared<CurlLoop>(std::move(options), metrics)) {}
  ~CurlClient() override { loop_->stop(); }
  CurlClient(const CurlClient&) = delete;
  CurlClient& operator=(const CurlClient&) = delete;

  std::unique_ptr<Call> start(Request request, CallObserver& observer) override {
    auto transfer = std::make_shared<Transfer>(std::move(request), observer);
    loop_->start(transfer);
    return std::make_unique<CurlCall>(loop_, std::move(transfer));
  }

 private:
  // A Call may outlive the client: it then speaks to a loop that has stopped.
  const std::shared_ptr<CurlLoop> loop_;
};

}  // namespace

std::unique_ptr<HttpClient> make_curl_client(Options options, Clock& clock, Metrics& metrics) {
  return std::make_unique<CurlClient>(std::move(options), clock, metrics);
}

Facts curl_facts() {
  const curl_version_info_data& info = *curl_version_info(CURLVERSION_NOW);
  return {.curl = info.version,
          .tls = info.ssl_version == nullptr ? "none" : info.ssl_version,
          .roots = TlsRoots().description()};
}

}  // namespace driveway::http
