#pragma once
// What clients of SQL servers have in common: the interfaces, as statements over an SqlSession.
//
// An operation of one statement is sent as one, without BEGIN. One of several is a transaction: whatever fails before
// its COMMIT is sent has certainly failed, since a server rolls back what its client never committed. Only an
// unanswered COMMIT, or an unanswered single statement that writes, leaves `info` (docs/clients.md has the table).

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/client.h"
#include "workloads/clients/sql_session.h"

namespace shaketable {

// How one server's SQL differs from another's.
struct SqlDialect {
  std::string name;  // "postgres", for messages
  std::string begin;
  std::string text_type, key_type;      // of columns; a key can be a primary key and is compared byte by byte
  std::string serial_type;              // of a primary key that counts by itself
  std::string lock_share, lock_update;  // what a SELECT ends with
  bool backslash_escapes = false;       // in string literals
  std::string old_value;                // in `update` below: the v that is there
  // A row with the primary key k and v; where there is one with that key, its v becomes `update`.
  std::function<std::string(std::string_view table, std::string_view values, std::string_view update)> upsert;
  std::function<std::string(std::string_view a, std::string_view b, std::string_view c)> concat;
};

// Parameters of every SQL client: `isolation` (with the server's default), `connect`, `reads`, `locks`, `updates`.
std::vector<ParameterSpec> sql_parameters(const std::string& isolation);
std::vector<std::string> sql_interfaces();

using SqlSessionMaker = std::function<std::unique_ptr<SqlSession>(const SqlSettings&)>;
std::unique_ptr<Client> sql_client(const ClientSettings& settings, const SqlDialect& dialect,
                                   const SqlSessionMaker& make);

}  // namespace shaketable
