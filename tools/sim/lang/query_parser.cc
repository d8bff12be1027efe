// Text to a syntax tree, and back.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/lang/query.h"
#include "sim/lang/query_lexer.h"
#include "sim/lang/query_terms.h"

namespace driveway::sim {

namespace {

// Deeper than any client writes, and far from the end of a thread's stack.
constexpr int kMaxDepth = 200;
// Of comparisons; Drive has such a bound, but does not say where (drive-api reference 3.4).
constexpr std::size_t kMaxComparisons = 100;

std::size_t comparisons_in(const QueryExpr& expr) {
  if (expr.kind == QueryExpr::Kind::kComparison) return 1;
  std::size_t sum = 0;
  for (const QueryExpr& child : expr.children) sum += comparisons_in(child);
  return sum;
}

// Recursive descent; a nothing anywhere means that the text is not a query.
class Parser {
 public:
  Parser(std::string_view text, Query::Language language) : lexer_(text), language_(language) {
    advance();
  }

  std::optional<QueryExpr> parse() {
    auto expr = disjunction(0);
    if (failed_ || !expr || token_.kind != QueryToken::Kind::kEnd) return std::nullopt;
    return expr;
  }

 private:
  using Maybe = std::optional<QueryExpr>;

  void advance() {
    auto token = lexer_.next();
    failed_ = failed_ || !token;
    token_ = token ? std::move(*token) : QueryToken{};
  }
  bool take_word(std::string_view word) {
    if (!token_.is_word(word)) return false;
    advance();
    return true;
  }
  bool take_symbol(std::string_view symbol) {
    if (!token_.is_symbol(symbol)) return false;
    advance();
    return true;
  }
  std::optional<std::string> take_string() {
    if (token_.kind != QueryToken::Kind::kString) return std::nullopt;
    std::string text = std::move(token_.text);
    advance();
    return text;
  }

  Maybe disjunction(int depth) {
    return joined(QueryExpr::Kind::kOr, "or", [&] { return conjunction(depth); });
  }
  Maybe conjunction(int depth) {
    return joined(QueryExpr::Kind::kAnd, "and", [&] { return unary(depth); });
  }
  template <typename Part>
  Maybe joined(QueryExpr::Kind kind, std::string_view word, Part part) {
    Maybe first = part();
    if (!first || !token_.is_word(word)) return first;
    QueryExpr all{kind, {}, {}};
    all.children.push_back(std::move(*first));
    while (take_word(word)) {
      Maybe next = part();
      if (!next) return std::nullopt;
      all.children.push_back(std::move(*next));
    }
    return all;
  }

  Maybe unary(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    if (take_word("not")) {
      Maybe inner = unary(depth + 1);
      if (!inner) return std::nullopt;
      QueryExpr negation{QueryExpr::Kind::kNot, {}, {}};
      negation.children.push_back(std::move(*inner));
      return negation;
    }
    if (take_symbol("(")) {
      Maybe inner = disjunction(depth + 1);
      if (!inner || !take_symbol(")")) return std::nullopt;
      return inner;
    }
    if (token_.kind == QueryToken::Kind::kString) return membership();
    return comparison();
  }

  const QueryTermTraits* take_term() {
    if (token_.kind != QueryToken::Kind::kWord) return nullptr;
    const QueryTermTraits* traits = find_query_term(token_.text, language_);
    if (traits != nullptr) advance();
    return traits;
  }

  // 'ID' in parents
  Maybe membership() {
    auto value = take_string();
    if (!value || !take_word("in")) return std::nullopt;
    const QueryTermTraits* traits = take_term();
    if (traits == nullptr || !traits->takes(QueryOperator::kIn)) return std::nullopt;
    Comparison comparison{traits->term, QueryOperator::kIn, std::move(*value), {}, 0, false};
    return QueryExpr{QueryExpr::Kind::kComparison, std::move(comparison), {}};
  }

  std::optional<QueryOperator> take_operator() {
    using enum QueryOperator;
    for (const QueryOperator op :
         {kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual}) {
      if (take_symbol(to_string(op))) return op;
    }
    if (take_word("contains")) return kContains;
    if (take_word("has")) return kHas;
    return std::nullopt;
  }

  Maybe comparison() {
    const QueryTermTraits* traits = take_term();
    if (traits == nullptr) return std::nullopt;
    QueryExpr expr;
    expr.comparison.term = traits->term;
    const auto op = take_operator();
    if (!op) {  // the one term that may stand alone
      if (traits->term != QueryTerm::kSharedWithMe) return std::nullopt;
      expr.comparison.flag = true;
      return expr;
    }
    if (!traits->takes(*op)) return std::nullopt;
    expr.comparison.op = *op;
    if (!take_value(*traits, expr.comparison)) return std::nullopt;
    return expr;
  }

  bool take_value(const QueryTermTraits& traits, Comparison& comparison) {
    switch (traits.value) {
      case QueryValue::kFlag:
        return take_flag(comparison.flag);
      case QueryValue::kCount:
        return take_count(comparison.number);
      case QueryValue::kPair:
        return take_pair(comparison);
      default:
        break;
    }
    auto text = take_string();
    if (!text) return false;
    comparison.text = std::move(*text);
    if (traits.value == QueryValue::kTime) {
      const auto time = parse_rfc3339(comparison.text);
      if (!time.ok()) return false;
      comparison.number = time->time_since_epoch().count();
    }
    if (traits.value == QueryValue::kVisibility) {
      constexpr std::string_view kKnown[] = {"anyoneCanFind", "anyoneWithLink", "domainCanFind",
                                             "domainWithLink", "limited"};
      return std::find(std::begin(kKnown), std::end(kKnown), comparison.text) != std::end(kKnown);
    }
    return true;
  }

  bool take_flag(bool& flag) {
    flag = token_.is_word("true");
    return take_word("true") || take_word("false");
  }

  bool take_count(std::int64_t& number) {
    if (token_.kind != QueryToken::Kind::kNumber) return false;
    const auto parsed = parse_int(token_.text);
    if (!parsed) return false;
    number = *parsed;
    advance();
    return true;
  }

  // { key='k' and value='v' }
  bool take_pair(Comparison& comparison) {
    if (!take_symbol("{") || !take_word("key") || !take_symbol("=")) return false;
    auto key = take_string();
    if (!key || !take_word("and") || !take_word("value") || !take_symbol("=")) return false;
    auto value = take_string();
    if (!value || !take_symbol("}")) return false;
    comparison.key = std::move(*key);
    comparison.text = std::move(*value);
    return true;
  }

  QueryLexer lexer_;
  const Query::Language language_;
  QueryToken token_;
  bool failed_ = false;
};

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string comparison_text(const Comparison& comparison) {
  const QueryTermTraits& traits = traits_of(comparison.term);
  if (traits.value == QueryValue::kMember) {
    return cat(quoted(comparison.text), " in ", traits.name);
  }
  const std::string head = cat(traits.name, " ", to_string(comparison.op), " ");
  switch (traits.value) {
    case QueryValue::kFlag:
      return head + (comparison.flag ? "true" : "false");
    case QueryValue::kCount:
      return cat(head, comparison.number);
    case QueryValue::kPair:
      return cat(head, "{ key=", quoted(comparison.key), " and value=", quoted(comparison.text),
                 " }");
    default:
      return head + quoted(comparison.text);
  }
}

}  // namespace

std::string query_text(const QueryExpr& expr) {
  switch (expr.kind) {
    case QueryExpr::Kind::kComparison:
      return comparison_text(expr.comparison);
    case QueryExpr::Kind::kNot:
      return cat("not (", query_text(expr.children.front()), ")");
    default:
      break;
  }
  const std::string_view word = expr.kind == QueryExpr::Kind::kAnd ? " and " : " or ";
  std::string out;
  for (const QueryExpr& child : expr.children) {
    if (!out.empty()) out += word;
    const bool plain = child.kind == QueryExpr::Kind::kComparison;
    out += plain ? query_text(child) : cat("(", query_text(child), ")");
  }
  return out;
}

ApiResult<Query> Query::parse(std::string_view text, Language language) {
  Query query;
  if (trim(text).empty()) return query;
  auto expr = Parser(text, language).parse();
  if (!expr) return errors::invalid_value("q");
  if (comparisons_in(*expr) > kMaxComparisons) {
    ApiError error = errors::invalid_value("q");
    error.message = "The query is too complex";
    return error;
  }
  query.root_ = std::make_shared<const QueryExpr>(std::move(*expr));
  return query;
}

std::string Query::to_text() const { return root_ ? query_text(*root_) : std::string(); }

}  // namespace driveway::sim
