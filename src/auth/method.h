// Which credential is wanted: the METHOD of --with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace driveway::auth {

struct Method {
  enum class Kind {
    kAuto,         // the first that is there, in the order of choose_source()
    kStored,       // stored: a login of `driveway login`
    kTokenFile,    // token=FILE
    kCommand,      // command=CMD
    kVariable,     // env: DRIVEWAY_ACCESS_TOKEN
    kCredentials,  // credentials=FILE: of any type that credentials_file.h knows
    kApplication,  // adc: GOOGLE_APPLICATION_CREDENTIALS, or the file of gcloud or Colab
    kMetadata,     // metadata: of a Google VM, or Colab
  } kind = Kind::kAuto;
  std::string argument{};  // FILE (absolute), CMD

  bool is_explicit() const { return kind != Kind::kAuto && kind != Kind::kStored; }
  // Tells it from other ones, for status and for finding its daemon; "" unless it is explicit. Of a
  // command only a number: its words may be anything.
  std::string label() const;
};

// "auto", "stored", "token=FILE", "command=CMD", "env", "credentials=FILE",
// "adc", "metadata". Errors: kInvalidArgument, which
// lists them.
Result<Method> parse_method(std::string_view text);

// The words of a command line: blanks separate them, quotes and backslashes keep them together as
// in a shell; nothing is expanded. Errors: kInvalidArgument (a quote is open, no word).
Result<std::vector<std::string>> split_command(std::string_view text);

}  // namespace driveway::auth
