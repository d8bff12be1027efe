#include "journal/batch.h"

#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::uint8_t kPut = 1;
constexpr std::uint8_t kErase = 2;

}  // namespace

void Batch::put(std::string_view table, std::string_view key, std::string_view value) {
  bytes_ += store::Writer().u8(kPut).text(table).text(key).varint(value.size()).bytes();
  bytes_ += value;
}

void Batch::erase(std::string_view table, std::string_view key) {
  bytes_ += store::Writer().u8(kErase).text(table).text(key).bytes();
}

Status for_each_edit(std::string_view batch, const std::function<Status(const RowEdit&)>& visit) {
  store::Reader reader(batch);
  while (!reader.at_end()) {
    const std::uint8_t kind = reader.u8();
    RowEdit edit;
    edit.table = reader.text();
    edit.key = reader.text();
    if (kind == kPut) edit.value = reader.text();
    if (!reader.ok() || (kind != kPut && kind != kErase)) {
      return Error{ErrorCode::kCorrupt, "a record of the journal is not a batch of changes"};
    }
    DRIVEWAY_CHECK(visit(edit));
  }
  return {};
}

}  // namespace driveway::journal
