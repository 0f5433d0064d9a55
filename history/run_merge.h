#pragma once
// The journal of a recorder that died, brought into the run's file.

#include <string>

#include "base/result.h"
#include "history/journal.h"
#include "history/row_writer.h"
#include "history/run_meta.h"

namespace shaketable {

// The journal's records into rows, from where the file's `meta` says that it stands.
Result<void> replay(const JournalCopy& copy, RowWriter& rows, const Meta& meta);

// All of the journal in one transaction; removes the journal when that is on the disk. The caller holds the journal's
// lock for merging. bad_input: the file is none of ours; infrastructure: it cannot be written.
Result<void> merge_into_file(const std::string& path, JournalFile& journal);

}  // namespace shaketable
