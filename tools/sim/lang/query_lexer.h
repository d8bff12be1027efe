// The words of the `q` language.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace driveway::sim {

struct QueryToken {
  enum class Kind { kEnd, kWord, kString, kNumber, kSymbol };
  Kind kind = Kind::kEnd;
  std::string text;  // of a string: without quotes and escapes

  bool is_word(std::string_view word) const { return kind == Kind::kWord && text == word; }
  bool is_symbol(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
};

class QueryLexer {
 public:
  explicit QueryLexer(std::string_view text) : rest_(text) {}
  // The next token, kEnd at the end; nothing for what the language does not have (an open string,
  // an unknown escape or character).
  std::optional<QueryToken> next();

 private:
  std::optional<QueryToken> string();
  QueryToken word();
  QueryToken number();

  std::string_view rest_;
};

}  // namespace driveway::sim
