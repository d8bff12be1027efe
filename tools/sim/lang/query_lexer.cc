#include "sim/lang/query_lexer.h"

#include <cstddef>

namespace driveway::sim {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<QueryToken> QueryLexer::next() {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  if (rest_.empty()) return QueryToken{};
  const char first = rest_.front();
  if (first == '\'') return string();
  if (is_letter(first)) return word();
  if (is_digit(first)) return number();
  for (const std::string_view symbol : {"<=", ">=", "!=", "=", "<", ">", "(", ")", "{", "}"}) {
    if (!rest_.starts_with(symbol)) continue;
    rest_.remove_prefix(symbol.size());
    return QueryToken{QueryToken::Kind::kSymbol, std::string(symbol)};
  }
  return std::nullopt;
}

std::optional<QueryToken> QueryLexer::string() {
  QueryToken token{QueryToken::Kind::kString, {}};
  for (std::size_t i = 1; i < rest_.size(); ++i) {
    char c = rest_[i];
    if (c == '\'') {
      rest_.remove_prefix(i + 1);
      return token;
    }
    if (c == '\\') {
      if (++i == rest_.size()) break;
      c = rest_[i];
      if (c != '\'' && c != '\\') break;
    }
    token.text += c;
  }
  return std::nullopt;
}

QueryToken QueryLexer::word() {
  std::size_t end = 1;
  // "shortcutDetails.targetId" is one word.
  while (end < rest_.size() && (is_letter(rest_[end]) || rest_[end] == '.')) ++end;
  QueryToken token{QueryToken::Kind::kWord, std::string(rest_.substr(0, end))};
  rest_.remove_prefix(end);
  return token;
}

QueryToken QueryLexer::number() {
  std::size_t end = 1;
  while (end < rest_.size() && is_digit(rest_[end])) ++end;
  QueryToken token{QueryToken::Kind::kNumber, std::string(rest_.substr(0, end))};
  rest_.remove_prefix(end);
  return token;
}

}  // namespace driveway::sim
