// What a service manager (systemd) that started us is told.
#pragma once

namespace driveway::cli {

// The service is up: what waited for it may begin (sd_notify(3), "READY=1"). Nothing where no
// manager asked, by $NOTIFY_SOCKET.
void tell_service_manager_ready();

}  // namespace driveway::cli
