// driveway-sim: Google Drive and its login on loopback, for tests and the demo.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "sim/sim.h"

namespace driveway::sim {
namespace {

struct Arguments {
  int http_port = 0;
  int https_port = 0;
  bool no_https = false;
  std::string listen = "127.0.0.1";
  std::vector<std::string> also_http;
  std::vector<std::string> also_https;
  std::string data;
  std::string config_file;
  std::string profile;
  std::string quota;
  std::vector<std::string> seeds;
  std::vector<std::string> accounts;
  std::string ready_file;
  std::string log_level = "warn";
  bool die_with_parent = false;
};

void describe(CLI::App& app, Arguments& a) {
  const CLI::Range ports(0, 65535);
  const auto text = [&app](const char* name, auto& value, const char* type, const char* help) {
    app.add_option(name, value, help)->type_name(type);
  };
  app.add_option("--http-port", a.http_port, "Port of plain HTTP (0: a free one)")->check(ports);
  app.add_option("--https-port", a.https_port, "Port of HTTPS (0: a free one)")->check(ports);
  app.add_flag("--no-https", a.no_https, "No HTTPS");
  text("--listen", a.listen, "ADDRESS", "Address of both ports");
  text("--also-http", a.also_http, "ADDRESS:PORT", "A further place of plain HTTP (repeatable)");
  text("--also-https", a.also_https, "ADDRESS:PORT", "A further place of HTTPS (repeatable)");
  text("--data", a.data, "DIR", "Folder to keep accounts, trees, contents and the CA in");
  text("--config", a.config_file, "FILE", "TOML file with the keys of /__sim/config");
  text("--profile", a.profile, "lan|colab|slow|hostile", "Network (default: lan)");
  text("--quota", a.quota, "2026|legacy|unlimited",
       "What Drive allows (default: unlimited with lan, else 2026)");
  text("--seed", a.seeds, "FILE", "JSON file with a tree to begin with (repeatable)");
  text("--account", a.accounts, "MAIL",
       "Account (repeatable; default demo@example.com; the first is the default)");
  text("--ready-file", a.ready_file, "FILE",
       "Where to write the line with addresses to, as soon as it listens");
  text("--log", a.log_level, "trace|debug|info|warn|error|off", "debug: one line a request");
  app.add_flag("--die-with-parent", a.die_with_parent, "End when the starting process does");
}

// "127.0.0.1:443", "[::1]:443".
Result<ListenAddress> parse_address(const std::string& text, bool tls) {
  const auto colon = text.rfind(':');
  const auto port = colon == std::string::npos ? std::nullopt : parse_uint(text.substr(colon + 1));
  if (!port || *port > 65535) {
    return Error{ErrorCode::kInvalidArgument, cat("'", text, "' is not ADDRESS:PORT")};
  }
  std::string address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  return ListenAddress{std::move(address), static_cast<std::uint16_t>(*port), tls};
}

Result<std::vector<ListenAddress>> addresses_of(const Arguments& a) {
  std::vector<ListenAddress> all{{a.listen, static_cast<std::uint16_t>(a.http_port), false}};
  if (!a.no_https) all.push_back({a.listen, static_cast<std::uint16_t>(a.https_port), true});
  for (const std::string& text : a.also_http) {
    DRIVEWAY_TRY(ListenAddress address, parse_address(text, false));
    all.push_back(std::move(address));
  }
  for (const std::string& text : a.also_https) {
    DRIVEWAY_TRY(ListenAddress address, parse_address(text, true));
    all.push_back(std::move(address));
  }
  return all;
}

// Flags beat the file.
Result<Config> config_of(const Arguments& a) {
  ConfigStore store{Config{}};
  bool quota_chosen = !a.quota.empty();
  if (!a.config_file.empty()) {
    DRIVEWAY_TRY(nlohmann::json file, read_config_file(a.config_file));
    quota_chosen = quota_chosen || file.contains("quota");
    if (!a.profile.empty()) file["profile"] = a.profile;
    DRIVEWAY_CHECK(store.patch(file));
  } else if (!a.profile.empty()) {
    DRIVEWAY_CHECK(store.patch({{"profile", a.profile}}));
  }
  if (!a.quota.empty()) DRIVEWAY_CHECK(store.patch({{"quota", a.quota}}));
  // A line that says `colab` means quota 2026 unless it names another (design: the simulator).
  if (!quota_chosen && store.get()->network.profile != "lan") {
    DRIVEWAY_CHECK(store.patch({{"quota", "2026"}}));
  }
  return *store.get();
}

Result<SimOptions> options_of(const Arguments& a) {
  SimOptions options;
  DRIVEWAY_TRY(options.listen, addresses_of(a));
  DRIVEWAY_TRY(options.config, config_of(a));
  options.data_dir = a.data;
  if (!a.accounts.empty()) options.accounts = a.accounts;
  for (const std::string& path : a.seeds) {
    DRIVEWAY_TRY(std::string text, read_file(path));
    options.seeds.push_back(std::move(text));
  }
  options.on_stop = [] { ::kill(::getpid(), SIGTERM); };
  return options;
}

Status announce(const SimServer& server, const Arguments& a) {
  nlohmann::json line = {
      {"http", server.http_url()}, {"ca", server.ca_path().string()}, {"pid", ::getpid()}};
  if (const std::string url = server.https_url(); !url.empty()) line["https"] = url;
  std::cout << line.dump() << std::endl;  // NOLINT: whoever reads the pipe waits for this line
  if (a.ready_file.empty()) return {};
  return write_file_atomically(a.ready_file, line.dump() + "\n", 0644);
}

Status run(const Arguments& a) {
  DRIVEWAY_TRY(const log::Level level, log::parse_level(a.log_level));
  log::set_level(level);
  // Blocked before any thread starts, so that this thread alone takes them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  if (a.die_with_parent) {
    const pid_t parent = ::getppid();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    // It may have ended in between; then nobody sends the signal.
    if (::getppid() != parent) return {};
  }
  DRIVEWAY_TRY(SimOptions options, options_of(a));
  DRIVEWAY_TRY(const std::unique_ptr<SimServer> server, SimServer::start(std::move(options)));
  DRIVEWAY_CHECK(announce(*server, a));
  int signal_number = 0;
  ::sigwait(&ends, &signal_number);
  server->stop();
  return {};
}

}  // namespace
}  // namespace driveway::sim

int main(int argc, char** argv) {
  CLI::App app("driveway-sim: Google Drive and its login on loopback");
  driveway::sim::Arguments arguments;
  driveway::sim::describe(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;  // --help is an "error" of code 0
  }
  const driveway::Status status = driveway::sim::run(arguments);
  if (status.ok()) return 0;
  std::cerr << "driveway-sim: " << status.error().to_string() << "\n";
  return status.error().code == driveway::ErrorCode::kInvalidArgument ? 2 : 1;
}
