"use strict";
// danfojs-node reads and writes Excel files with "xlsx". The registry's last version can be attacked by a file that it
// reads (CVE-2023-30533, CVE-2024-22363), and the repaired ones are not in the registry. The laboratory uses no Excel.
function refuse() {
  throw new Error("Excel files are neither read nor written here (see environment.md): use CSV");
}

module.exports = {
  read: refuse,
  readFile: refuse,
  writeFile: refuse,
  utils: { sheet_to_json: refuse, aoa_to_sheet: refuse, book_new: refuse, book_append_sheet: refuse },
};
