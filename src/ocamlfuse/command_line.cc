#include "ocamlfuse/command_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace driveway::ocamlfuse {
namespace {

// Gives why it is not a value, or "".
using Take = std::string (*)(CommandLine& line, const std::string& value);

struct Option {
  std::string_view name;
  std::string_view value;  // what usage() calls it; "": a flag, which takes none
  Take take;
  std::string_view help;
};

template <bool CommandLine::*Member>
std::string set(CommandLine& line, const std::string&) {
  line.*Member = true;
  return "";
}

template <std::string CommandLine::*Member>
std::string keep(CommandLine& line, const std::string& value) {
  line.*Member = value;
  return "";
}

// The notebooks put in what Application Default Credentials had; without any, Python writes None.
std::string given(const std::string& value) { return value == "None" ? "" : value; }

std::string take_id(CommandLine& line, const std::string& value) {
  line.client_id = given(value);
  return "";
}

std::string take_secret(CommandLine& line, const std::string& value) {
  line.client_secret = Secret(given(value));
  return "";
}

std::string take_debug(CommandLine& line, const std::string&) {
  line.debug = line.verbose = line.foreground = true;
  return "";
}

std::string take_fuse_debug(CommandLine& line, const std::string&) {
  line.debug = line.foreground = true;
  return "";
}

std::string take_many_threads(CommandLine& line, const std::string&) {
  line.single_thread = false;
  return "";
}

std::string take_docs_mode(CommandLine& line, const std::string& value) {
  for (const std::string_view mode : {"libreoffice", "msoffice", "desktop", "off"}) {
    if (value != mode) continue;
    line.docs_mode = value;
    return "";
  }
  return "expects libreoffice, msoffice, desktop or off";
}

std::string take_port(CommandLine& line, const std::string& value) {
  const auto port = parse_uint(value);
  if (!port || *port == 0 || *port > 65535) return "expects a port, 1 to 65535";
  line.port = static_cast<int>(*port);
  return "";
}

std::string take_mount_options(CommandLine& line, const std::string& value) {
  for (const std::string_view part : split(value, ',')) {
    const std::string_view option = trim(part);
    if (option.empty()) continue;
    if (!option.starts_with("gdfroot")) {
      line.mount_options.emplace_back(option);
      continue;
    }
    const auto equals = option.find('=');
    if (equals == std::string_view::npos) return "expects a folder: gdfroot=DIR";
    line.base_folder = trim(option.substr(equals + 1));
  }
  return "";
}

constexpr std::array<Option, 25> kOptions = {{
    {"version", "", nullptr, "show version and exit"},
    {"verbose", "", set<&CommandLine::verbose>, "say what becomes of the old settings"},
    {"debug", "", take_debug, "log everything, stay in the foreground (implies -verbose, -f)"},
    {"label", "NAME", keep<&CommandLine::label>, "the account, one for each login (default)"},
    {"id", "ID", take_id, "OAuth2 client ID, remembered"},
    {"secret", "SECRET", take_secret, "OAuth2 client secret, remembered"},
    {"f", "", set<&CommandLine::foreground>, "stay in the foreground"},
    {"d", "", take_fuse_debug, "log everything, stay in the foreground"},
    {"m", "", take_many_threads, "several threads, which is the only way"},
    {"s", "", set<&CommandLine::single_thread>, "taken for several threads"},
    {"o", "OPT[,OPT]", take_mount_options, "mount options; gdfroot=DIR: instead of ~/.gdfuse"},
    {"cc", "", set<&CommandLine::clear_cache>, "clear the cache; what is not sent yet stays"},
    {"headless", "", set<&CommandLine::headless>, "print the URL, read the code"},
    {"skiptrash", "", set<&CommandLine::skip_trash>, "delete permanently"},
    {"config", "FILE", keep<&CommandLine::config_file>, "the old program's config file"},
    {"xdgbd", "", set<&CommandLine::xdg_folders>, "the old program's files are in XDG folders"},
    {"browser", "PROGRAM", keep<&CommandLine::browser>, "opens the authorization page"},
    {"docsmode", "MODE", take_docs_mode, "Google Docs: libreoffice, msoffice, desktop, off"},
    {"serviceaccountpath", "FILE", keep<&CommandLine::service_account_file>,
     "the key of a service account, remembered"},
    {"serviceaccountuser", "MAIL", keep<&CommandLine::service_account_user>,
     "whom the service account acts for, remembered"},
    {"log_to", "WHERE", keep<&CommandLine::log_to>, "stdout (-), stderr, or a file"},
    {"scope", "SCOPE", keep<&CommandLine::scope>, "the OAuth2 scope to ask for"},
    {"redirect_uri", "URI", keep<&CommandLine::redirect_uri>, "the OAuth2 redirect URI"},
    {"device", "", set<&CommandLine::device>,
     "type a code elsewhere; reaches only files made here"},
    {"port", "PORT", take_port, "of the loopback address that the browser comes to"},
}};

Error refused(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

const Option* find_option(std::string_view name) {
  const auto* const found = std::find_if(kOptions.begin(), kOptions.end(),
                                         [&](const Option& option) { return option.name == name; });
  return found == kOptions.end() ? nullptr : found;
}

class Parser {
 public:
  explicit Parser(std::span<const std::string> arguments) : arguments_(arguments) {}

  Result<CommandLine> parse() {
    while (next_ < arguments_.size() && line_.wish == CommandLine::Wish::kRun) {
      const std::string& argument = arguments_[next_++];
      if (argument == "--") {
        line_.mountpoints.insert(line_.mountpoints.end(), arguments_.begin() + next_,
                                 arguments_.end());
        break;
      }
      if (argument.size() < 2 || argument.front() != '-') {
        line_.mountpoints.push_back(argument);
        continue;
      }
      DRIVEWAY_CHECK(take(argument));
    }
    return std::move(line_);
  }

 private:
  Status take(const std::string& argument) {
    const auto equals = argument.find('=');
    const std::string flag = argument.substr(0, equals);
    const std::string name = flag.substr(flag.starts_with("--") ? 2 : 1);
    if (name == "help") {
      line_.wish = CommandLine::Wish::kHelp;
      return {};
    }
    if (name == "version" || name == "V") {
      line_.wish = CommandLine::Wish::kVersion;
      return {};
    }
    const Option* const option = find_option(name);
    if (option == nullptr) return refused(cat("unknown option '", flag, "'."));
    std::string value;
    if (option->value.empty()) {
      if (equals != std::string::npos) {
        return refused(cat("option '", flag, "' expects no argument."));
      }
    } else if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (next_ < arguments_.size()) {
      value = arguments_[next_++];
    } else {
      return refused(cat("option '", flag, "' needs an argument."));
    }
    const std::string why = option->take(line_, value);
    if (why.empty()) return {};
    return refused(cat("wrong argument '", value, "'; option '", flag, "' ", why, "."));
  }

  const std::span<const std::string> arguments_;
  std::size_t next_ = 0;
  CommandLine line_;
};

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> arguments) {
  return Parser(arguments).parse();
}

// In sections as those of `driveway --help`: the manual page and the completions are made from
// them.
std::string usage() {
  std::string text =
      "Usage: google-drive-ocamlfuse [options] [mountpoint]\n"
      "Mounts Google Drive by driveway. Without a mountpoint it only authorises.\n"
      "\nPositionals:\n"
      "  mountpoint MOUNTPOINT     an existing folder; the first of several\n"
      "\nOptions:\n";
  for (const Option& option : kOptions) {
    std::string head = cat("  -", option.name, option.value.empty() ? "" : " ", option.value);
    head.resize(std::max<std::size_t>(head.size() + 2, 28), ' ');
    text += cat(head, option.help, "\n");
  }
  return text + cat("  -help                     ", "show this and exit\n");
}

}  // namespace driveway::ocamlfuse
