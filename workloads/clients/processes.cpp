#include "workloads/clients/processes.h"

#include <csignal>
#include <fstream>
#include <sstream>
#include <string>

namespace shaketable {

std::optional<ProcessState> process_state(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  const std::size_t name_end = text.rfind(')');  // the name before it may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  ProcessState out;
  std::string skipped;
  fields >> out.state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> out.start_time;
  return fields ? std::optional(out) : std::nullopt;
}

void ClientProcesses::put(std::size_t worker, pid_t pid) {
  const auto state = process_state(pid);
  std::lock_guard lock(mutex_);
  processes_[worker] = {pid, state ? state->start_time : 0};
}

void ClientProcesses::take_out(std::size_t worker, pid_t pid) {
  std::lock_guard lock(mutex_);
  const auto found = processes_.find(worker);
  if (found != processes_.end() && found->second.pid == pid) processes_.erase(found);
}

std::vector<std::size_t> ClientProcesses::workers() const {
  std::lock_guard lock(mutex_);
  std::vector<std::size_t> out;
  for (const auto& [worker, process] : processes_) out.push_back(worker);
  return out;
}

std::optional<pid_t> ClientProcesses::pid_of(std::size_t worker) const {
  std::lock_guard lock(mutex_);
  const auto found = processes_.find(worker);
  return found == processes_.end() ? std::nullopt : std::optional(found->second.pid);
}

void ClientProcesses::asked(std::size_t worker) {
  std::lock_guard lock(mutex_);
  ++counts_[worker].asked;
}

void ClientProcesses::answered(std::size_t worker) {
  std::lock_guard lock(mutex_);
  ++counts_[worker].answered;
}

ClientProcesses::Counts ClientProcesses::counts_of(std::size_t worker) const {
  std::lock_guard lock(mutex_);
  const auto found = counts_.find(worker);
  return found == counts_.end() ? Counts() : found->second;
}

bool ClientProcesses::signal(std::size_t worker, int number) const {
  std::lock_guard lock(mutex_);
  const auto found = processes_.find(worker);
  if (found == processes_.end()) return false;
  const Process& process = found->second;
  const auto state = process_state(process.pid);
  if (!state || state->state == 'Z' || state->start_time != process.start_time) return false;
  return ::kill(-process.pid, number) == 0;
}

}  // namespace shaketable
