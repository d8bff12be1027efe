// The simulator as a process of this test program's own, on free ports.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"

namespace driveway::drive {

// Started by start(), ended with the object (and by itself, should this process die).
class SimProcess {
 public:
  // The program is DRIVEWAY_SIM, else driveway-sim in the folder of this program.
  static Result<std::unique_ptr<SimProcess>> start();
  ~SimProcess();
  SimProcess(const SimProcess&) = delete;
  SimProcess& operator=(const SimProcess&) = delete;

  const std::string& url() const { return url_; }  // "http://127.0.0.1:PORT"

 private:
  explicit SimProcess(pid_t pid) : pid_(pid) {}
  const pid_t pid_;
  std::string url_;
};

}  // namespace driveway::drive
