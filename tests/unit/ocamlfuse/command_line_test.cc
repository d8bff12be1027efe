#include "ocamlfuse/command_line.h"

#include <gmock/gmock.h>

#include "base/strings.h"

namespace driveway::ocamlfuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Wish = CommandLine::Wish;

Result<CommandLine> parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments);
}

CommandLine parsed(const std::vector<std::string>& arguments) {
  auto line = parse(arguments);
  EXPECT_TRUE(line.ok()) << line.error().to_string();
  return line.ok() ? *std::move(line) : CommandLine();
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto line = parse(arguments);
  EXPECT_TRUE(line.failed_with(ErrorCode::kInvalidArgument));
  return line.ok() ? "" : line.error().to_string();
}

TEST(OldCommandLine, NothingIsAuthoriseOnly) {
  const CommandLine line = parsed({});
  EXPECT_EQ(line.wish, Wish::kRun);
  EXPECT_THAT(line.mountpoints, IsEmpty());
  EXPECT_EQ(line.label, "");
  EXPECT_FALSE(line.headless || line.foreground || line.verbose || line.debug);
  EXPECT_FALSE(line.port.has_value());
}

TEST(OldCommandLine, TheCellsOfNotebooks) {
  const CommandLine login = parsed({"-headless", "-id=1.apps.example", "-secret=s3"});
  EXPECT_TRUE(login.headless);
  EXPECT_EQ(login.client_id, "1.apps.example");
  EXPECT_EQ(login.client_secret.reveal(), "s3");
  EXPECT_THAT(parsed({"drive"}).mountpoints, ElementsAre("drive"));
  EXPECT_THAT(parsed({"drive", "nonempty"}).mountpoints, ElementsAre("drive", "nonempty"));
  const CommandLine mount = parsed({"-o", "nonempty", "drive"});
  EXPECT_THAT(mount.mountpoints, ElementsAre("drive"));
  EXPECT_THAT(mount.mount_options, ElementsAre("nonempty"));
}

struct TextOption {
  const char* name;
  std::string CommandLine::*member;
};
constexpr TextOption kTexts[] = {{"label", &CommandLine::label},
                                 {"id", &CommandLine::client_id},
                                 {"config", &CommandLine::config_file},
                                 {"browser", &CommandLine::browser},
                                 {"docsmode", &CommandLine::docs_mode},
                                 {"serviceaccountpath", &CommandLine::service_account_file},
                                 {"serviceaccountuser", &CommandLine::service_account_user},
                                 {"log_to", &CommandLine::log_to},
                                 {"scope", &CommandLine::scope},
                                 {"redirect_uri", &CommandLine::redirect_uri}};

TEST(OldCommandLine, EachTextInEachSpelling) {
  for (const TextOption& text : kTexts) {
    SCOPED_TRACE(text.name);
    const std::string value = std::string(text.name) == "docsmode" ? "msoffice" : "a value=b";
    for (const std::string dashes : {"-", "--"}) {
      const std::string flag = dashes + text.name;
      EXPECT_EQ(parsed({flag, value, "drive"}).*text.member, value);
      EXPECT_EQ(parsed({flag + "=" + value, "drive"}).*text.member, value);
      EXPECT_THAT(parsed({flag, value, "drive"}).mountpoints, ElementsAre("drive"));
      EXPECT_THAT(refusal({"drive", flag}), HasSubstr(cat("'", flag, "' needs an argument")));
    }
  }
}

TEST(OldCommandLine, AValueMayLookLikeAFlagAndMayBeEmpty) {
  EXPECT_EQ(parsed({"-label", "-headless"}).label, "-headless");
  EXPECT_EQ(parsed({"-id=", "-headless"}).client_id, "");
  EXPECT_EQ(parsed({"-id", "", "-headless"}).client_id, "");
  EXPECT_EQ(parsed({"-label=a", "-label", "b"}).label, "b");
}

TEST(OldCommandLine, WhatPythonHadNotCountsAsNotGiven) {
  const CommandLine line = parsed({"-headless", "-id=None", "-secret", "None"});
  EXPECT_EQ(line.client_id, "");
  EXPECT_TRUE(line.client_secret.empty());
}

struct FlagOption {
  const char* name;
  bool CommandLine::*member;
};
constexpr FlagOption kFlags[] = {
    {"verbose", &CommandLine::verbose},   {"debug", &CommandLine::debug},
    {"f", &CommandLine::foreground},      {"d", &CommandLine::debug},
    {"s", &CommandLine::single_thread},   {"cc", &CommandLine::clear_cache},
    {"headless", &CommandLine::headless}, {"skiptrash", &CommandLine::skip_trash},
    {"xdgbd", &CommandLine::xdg_folders}, {"device", &CommandLine::device}};

TEST(OldCommandLine, EachFlagInEachSpelling) {
  for (const FlagOption& flag : kFlags) {
    SCOPED_TRACE(flag.name);
    EXPECT_FALSE(parsed({"drive"}).*flag.member);
    for (const std::string dashes : {"-", "--"}) {
      EXPECT_TRUE(parsed({dashes + flag.name, "drive"}).*flag.member);
      EXPECT_THAT(parsed({dashes + flag.name, "drive"}).mountpoints, ElementsAre("drive"));
      EXPECT_THAT(refusal({dashes + flag.name + "=1"}), HasSubstr("expects no argument"));
    }
  }
}

TEST(OldCommandLine, WhatFlagsImply) {
  const CommandLine debug = parsed({"-debug"});
  EXPECT_TRUE(debug.verbose && debug.foreground && debug.debug);
  const CommandLine fuse = parsed({"-d"});
  EXPECT_TRUE(fuse.foreground && fuse.debug);
  EXPECT_FALSE(fuse.verbose);
  EXPECT_FALSE(parsed({"-s", "-m"}).single_thread);
}

TEST(OldCommandLine, MountOptionsAddUp) {
  const CommandLine line =
      parsed({"-o", "allow_other,nonempty", "-o=ro , umask=022", "-o", "", "drive"});
  EXPECT_THAT(line.mount_options, ElementsAre("allow_other", "nonempty", "ro", "umask=022"));
  const CommandLine rooted = parsed({"-o", "big_writes,gdfroot=/var/gd", "drive"});
  EXPECT_EQ(rooted.base_folder, "/var/gd");
  EXPECT_THAT(rooted.mount_options, ElementsAre("big_writes"));
  EXPECT_THAT(refusal({"-o", "gdfroot"}), HasSubstr("gdfroot=DIR"));
}

TEST(OldCommandLine, Port) {
  EXPECT_EQ(parsed({"-port", "9090"}).port, 9090);
  EXPECT_EQ(parsed({"--port=1"}).port, 1);
  for (const std::string wrong : {"0", "65536", "-1", "http", ""}) {
    EXPECT_THAT(refusal({"-port", wrong}), HasSubstr("expects a port")) << wrong;
  }
}

TEST(OldCommandLine, DocsMode) {
  for (const std::string mode : {"libreoffice", "msoffice", "desktop", "off"}) {
    EXPECT_EQ(parsed({"-docsmode", mode}).docs_mode, mode);
  }
  EXPECT_THAT(refusal({"-docsmode", "pdf"}), HasSubstr("wrong argument 'pdf'"));
}

TEST(OldCommandLine, HelpAndVersion) {
  for (const std::string flag : {"-help", "--help"}) {
    EXPECT_EQ(parsed({"-headless", flag, "-nonsense"}).wish, Wish::kHelp);
  }
  for (const std::string flag : {"-version", "--version", "-V", "--V"}) {
    EXPECT_EQ(parsed({flag}).wish, Wish::kVersion);
  }
}

TEST(OldCommandLine, UnknownFlags) {
  EXPECT_THAT(refusal({"-nonsense", "drive"}), HasSubstr("unknown option '-nonsense'"));
  EXPECT_THAT(refusal({"--headles"}), HasSubstr("unknown option '--headles'"));
  EXPECT_THAT(refusal({"-oallow_other"}), HasSubstr("unknown option"));
  EXPECT_THAT(refusal({"-x=1"}), HasSubstr("unknown option '-x'"));
  EXPECT_THAT(refusal({"-idsecret=GOCSPX-1"}), testing::Not(HasSubstr("GOCSPX")));
}

TEST(OldCommandLine, Positionals) {
  EXPECT_THAT(parsed({"a", "-f", "b"}).mountpoints, ElementsAre("a", "b"));
  EXPECT_THAT(parsed({"-"}).mountpoints, ElementsAre("-"));
  EXPECT_THAT(parsed({"-f", "--", "-odd", "b"}).mountpoints, ElementsAre("-odd", "b"));
}

TEST(OldCommandLine, UsageNamesEveryOption) {
  const std::string text = usage();
  for (const TextOption& option : kTexts) EXPECT_THAT(text, HasSubstr(cat("\n  -", option.name)));
  for (const FlagOption& option : kFlags) EXPECT_THAT(text, HasSubstr(cat("\n  -", option.name)));
  for (const char* name : {"secret", "o", "m", "port", "help", "version"}) {
    EXPECT_THAT(text, HasSubstr(cat("\n  -", name)));
  }
}

}  // namespace
}  // namespace driveway::ocamlfuse
