// redact() of log.h: one pass over the text, written by hand because it sees every log line.
//
// At each place where a secret can begin it is looked for by its own look (ya29.…, a PEM block) or
// by the name before it (access_token=…, "access_token": "…"). When in doubt it is taken out: a log
// line less readable is cheaper than a token in a log.
#include <algorithm>
#include <array>
#include <optional>

#include "base/log.h"

namespace driveway::log {

namespace {

constexpr std::string_view kRedacted = "[redacted]";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_word(char c) { return is_alnum(c) || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
// What Google's tokens and codes are made of, also when percent-encoded.
bool is_token(char c) {
  return is_word(c) || c == '-' || c == '.' || c == '/' || c == '~' || c == '+' || c == '%';
}
// What ends a value that stands without quotes.
bool ends_value(char c) {
  return is_space(c) || std::string_view("&,;\"'<>)}]#\\").find(c) != std::string_view::npos;
}

// How the value of a name is written, V being the secret.
enum class ValueKind {
  kPlain,  // name=V, name: V, "name": V
  kCode,   // name=V and "name": "V" only, and not a short number: "code" is also a status
  kForm,   // name=V only: "token" is also a word of parsers
  kLine,   // the rest of the line, as a header has it
};

struct SecretName {
  std::string_view name;  // lower case, '-' written as '_'
  ValueKind kind;
};

// The list of log.h, and the header fields that carry the same secrets.
constexpr std::array<SecretName, 19> kSecretNames = {{
    {"access_token", ValueKind::kPlain},
    {"refresh_token", ValueKind::kPlain},
    {"id_token", ValueKind::kPlain},
    {"client_secret", ValueKind::kPlain},
    {"private_key", ValueKind::kPlain},
    {"assertion", ValueKind::kPlain},
    {"client_assertion", ValueKind::kPlain},
    {"code", ValueKind::kCode},
    {"code_verifier", ValueKind::kPlain},
    {"device_code", ValueKind::kPlain},
    {"token", ValueKind::kForm},
    {"upload_id", ValueKind::kPlain},
    {"x_guploader_uploadid", ValueKind::kLine},
    {"resourcekey", ValueKind::kPlain},
    {"resource_key", ValueKind::kPlain},
    {"x_goog_drive_resource_keys", ValueKind::kLine},
    {"thumbnaillink", ValueKind::kPlain},
    {"authorization", ValueKind::kLine},
    {"proxy_authorization", ValueKind::kLine},
}};

constexpr std::size_t kLongestName =
    std::max_element(kSecretNames.begin(), kSecretNames.end(), [](const auto& a, const auto& b) {
      return a.name.size() < b.name.size();
    }) -> name.size();

// Secrets that are known wherever they stand.
constexpr std::array<std::string_view, 2> kTokenPrefixes = {"ya29.", "GOCSPX-"};
// Refresh tokens and authorization codes: short enough to be part of a path, so they count only
// where a token can begin.
constexpr std::array<std::string_view, 4> kShortPrefixes = {"1//0", "1%2F%2F0", "4/0", "4%2F0"};
// URLs that give their bytes to whoever has them (thumbnails, exports).
constexpr std::array<std::string_view, 2> kOpenUrls = {"googleusercontent.com/",
                                                       "docs.google.com/feeds/download/"};

// The characters that any of the above begins with, either case; all else is copied unseen.
constexpr std::array<bool, 256> trigger_table() {
  std::array<bool, 256> table{};
  const auto mark = [&table](char c) {
    table[static_cast<unsigned char>(c)] = true;
    if (c >= 'a' && c <= 'z') table[static_cast<unsigned char>(c - 'a' + 'A')] = true;
  };
  for (const auto& secret : kSecretNames) mark(secret.name[0]);
  for (const auto prefix : kTokenPrefixes) mark(prefix[0]);
  for (const auto prefix : kShortPrefixes) mark(prefix[0]);
  for (const auto url : kOpenUrls) mark(url[0]);
  mark('b');  // Bearer
  mark('-');  // PEM
  mark(':');  // "://user:password@"
  return table;
}

constexpr std::array<bool, 256> kTriggers = trigger_table();

bool starts_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The part of the text to take out.
struct Found {
  std::size_t from;
  std::size_t to;
};

class Redactor {
 public:
  explicit Redactor(std::string_view text) : text_(text) {}

  std::string run() {
    std::string out;
    out.reserve(text_.size());
    std::size_t copied = 0;
    for (std::size_t at = 0; at < text_.size();) {
      const auto found = kTriggers[static_cast<unsigned char>(text_[at])] ? find(at) : std::nullopt;
      if (!found) {
        ++at;
        continue;
      }
      out.append(text_, copied, found->from - copied);
      out += kRedacted;
      copied = at = found->to;
    }
    return out.append(text_, copied);
  }

 private:
  // The secret that stands at, or is named at, `at`.
  std::optional<Found> find(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with("-----BEGIN ")) return Found{at, end_of_pem(at)};
    for (const auto prefix : kTokenPrefixes) {
      if (rest.starts_with(prefix)) return Found{at, skip(at, is_token)};
    }
    if (rest.starts_with("://")) return user_info(at + 3);
    for (const auto url : kOpenUrls) {
      if (starts_ignoring_case(rest, url)) return open_url(at + url.size());
    }
    if (!begins_word(at)) return std::nullopt;
    for (const auto prefix : kShortPrefixes) {
      if (starts_ignoring_case(rest, prefix)) return short_token(at, prefix.size());
    }
    if (starts_ignoring_case(rest, "bearer")) return bearer(at + 6);
    return named(at);
  }

  template <typename Predicate>
  std::size_t skip(std::size_t at, Predicate while_true) const {
    while (at < text_.size() && while_true(text_[at])) ++at;
    return at;
  }

  // Whether a word begins at `at`: nothing that belongs to it stands before. An escape
  // ("%3D", "\n", "\u003d") ends in a letter or digit, but stands for what is none.
  bool begins_word(std::size_t at) const {
    if (at == 0 || !is_word(text_[at - 1])) return true;
    if (at >= 3 && text_[at - 3] == '%' && is_hex(text_[at - 2]) && is_hex(text_[at - 1])) {
      return true;
    }
    if (at >= 2 && text_[at - 2] == '\\') return true;
    return at >= 6 && text_[at - 6] == '\\' && text_[at - 5] == 'u';
  }

  // Up to the end line's last dash; all the rest where the block is cut off.
  std::size_t end_of_pem(std::size_t at) const {
    const std::size_t end = text_.find("-----END ", at);
    if (end == std::string_view::npos) return text_.size();
    const std::size_t dashes = text_.find("-----", end + 9);
    return dashes == std::string_view::npos ? text_.size() : dashes + 5;
  }

  std::optional<Found> open_url(std::size_t from) const {
    const std::size_t to = skip(from, [](char c) {
      return !is_space(c) && std::string_view("\"'<>\\").find(c) == std::string_view::npos;
    });
    return something(from, to);
  }

  // What stands before the '@' of a URL's host, as a proxy variable has it.
  std::optional<Found> user_info(std::size_t from) const {
    const std::size_t end = skip(from, [](char c) {
      return !is_space(c) && std::string_view("/?#\"'<>\\").find(c) == std::string_view::npos;
    });
    const std::size_t at_sign = text_.substr(from, end - from).rfind('@');
    if (at_sign == std::string_view::npos) return std::nullopt;
    return something(from, from + at_sign);
  }

  std::optional<Found> short_token(std::size_t at, std::size_t prefix) const {
    // "dir/1//0" and "a/4/0b" are paths; "4/0" alone is a count.
    if (at > 0 && (text_[at - 1] == '/' || text_[at - 1] == '.' || text_[at - 1] == '-')) {
      return std::nullopt;
    }
    const std::size_t next = at + prefix;
    const bool refresh_token = text_[at] == '1';
    if (!refresh_token && (next >= text_.size() || (!is_word(text_[next]) && text_[next] != '-'))) {
      return std::nullopt;
    }
    return Found{at, skip(next, is_token)};
  }

  std::optional<Found> bearer(std::size_t at) const {
    const std::size_t from = skip_spaces(at);
    if (from == at) return std::nullopt;
    return something(from, skip(from, [](char c) { return !ends_value(c); }));
  }

  std::size_t skip_spaces(std::size_t at) const {
    for (;;) {
      at = skip(at, is_space);
      if (!text_.substr(at).starts_with("%20")) return at;
      at += 3;
    }
  }

  // [from, to), unless it is empty or was taken out before.
  std::optional<Found> something(std::size_t from, std::size_t to) const {
    if (from >= to || text_.substr(from).starts_with(kRedacted)) return std::nullopt;
    return Found{from, to};
  }

  static const SecretName* secret_named(std::string_view word) {
    for (const auto& secret : kSecretNames) {
      if (secret.name.size() == word.size() &&
          std::equal(word.begin(), word.end(), secret.name.begin(), [](char a, char b) {
            return (a == '-' ? '_' : a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
          })) {
        return &secret;
      }
    }
    return nullptr;
  }

  // The quote at `at`, as it stands there: ", ', \", \\\" or %22; empty for none.
  std::string_view quote_at(std::size_t at) const {
    if (text_.substr(at).starts_with("%22")) return text_.substr(at, 3);
    const std::size_t mark = skip(at, [](char c) { return c == '\\'; });
    if (mark >= text_.size() || (text_[mark] != '"' && text_[mark] != '\'')) return {};
    return text_.substr(at, mark + 1 - at);
  }

  // Behind the ':' or '=' at `at`, plain or escaped, with what it stands for; nothing for others.
  struct Separator {
    char kind;
    std::size_t end;
  };
  std::optional<Separator> separator_at(std::size_t at) const {
    const std::string_view rest = text_.substr(at);
    if (rest.empty()) return std::nullopt;
    if (rest[0] == ':' || rest[0] == '=') return Separator{rest[0], at + 1};
    if (starts_ignoring_case(rest, "%3d")) return Separator{'=', at + 3};
    if (starts_ignoring_case(rest, "%3a")) return Separator{':', at + 3};
    if (starts_ignoring_case(rest, "\\u003d")) return Separator{'=', at + 6};
    return std::nullopt;
  }

  // The value of the secret whose name begins at `at`.
  std::optional<Found> named(std::size_t at) const {
    // No further than the longest name, or a-b-c-… would be read anew at each letter.
    const std::size_t limit = std::min(text_.size(), at + kLongestName + 1);
    std::size_t word_end = at;
    while (word_end < limit && (is_word(text_[word_end]) || text_[word_end] == '-')) ++word_end;
    const SecretName* secret = secret_named(text_.substr(at, word_end - at));
    if (secret == nullptr) return std::nullopt;
    const std::string_view name_quote = quote_at(word_end);
    const auto separator = separator_at(skip_spaces(word_end + name_quote.size()));
    if (!separator) return std::nullopt;
    const bool bare_colon = separator->kind == ':' && name_quote.empty();
    if (secret->kind == ValueKind::kForm && separator->kind != '=') return std::nullopt;
    if (secret->kind == ValueKind::kCode && bare_colon) return std::nullopt;
    const std::size_t from = skip_spaces(separator->end);
    const std::string_view quote = quote_at(from);
    if (!quote.empty()) {
      return something(from + quote.size(), end_of_quoted(from + quote.size(), quote));
    }
    return unquoted(*secret, from, bare_colon);
  }

  // Where the closing quote stands; the end of the text where it is cut off.
  std::size_t end_of_quoted(std::size_t from, std::string_view quote) const {
    if (quote.size() > 1) return std::min(text_.find(quote, from), text_.size());
    std::size_t at = from;
    for (; at < text_.size() && text_[at] != quote[0]; ++at) {
      if (text_[at] == '\\') ++at;
    }
    return std::min(at, text_.size());
  }

  std::optional<Found> unquoted(const SecretName& secret, std::size_t from, bool bare_colon) const {
    if (secret.kind == ValueKind::kLine && bare_colon) {
      return something(from, skip(from, [](char c) {
                         return std::string_view("\r\n\"'\\").find(c) == std::string_view::npos;
                       }));
    }
    std::size_t to = skip(from, [](char c) { return !ends_value(c); });
    const std::string_view encoded = text_.substr(from, to - from);
    // In a percent-encoded form the next field begins at an encoded '&', or the quote ends it.
    to = from + std::min({encoded.find("%26"), encoded.find("%22"), encoded.size()});
    const std::string_view value = text_.substr(from, to - from);
    if (value == "null" || value == "true" || value == "false") return std::nullopt;
    if (value.starts_with('{') || value.starts_with('[')) return std::nullopt;
    constexpr std::size_t kLongestStatus = 5;
    const bool number = std::all_of(value.begin(), value.end(), is_digit);
    if (secret.kind == ValueKind::kCode && number && value.size() <= kLongestStatus) {
      return std::nullopt;
    }
    return something(from, to);
  }

  const std::string_view text_;
};

}  // namespace

std::string redact(std::string_view text) { return Redactor(text).run(); }

}  // namespace driveway::log
