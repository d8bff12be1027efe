#pragma once

#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "control/dispatcher.h"

namespace driveway::control {

// All that a request was answered.
class Collected final : public Reply {
 public:
  Status document(const nlohmann::json& document) override {
    documents.push_back(document);
    return {};
  }
  Status bytes(std::span<const std::byte> data) override {
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  // Names of the events among the documents, in their order, but for those that only tell how far
  // it is.
  std::vector<std::string> events() const {
    std::vector<std::string> names;
    for (const nlohmann::json& document : documents) {
      const std::string name = document.value("event", "");
      if (name != "listing" && name != "progress") names.push_back(name);
    }
    return names;
  }

  std::vector<nlohmann::json> documents;
  std::string text;
};

}  // namespace driveway::control
