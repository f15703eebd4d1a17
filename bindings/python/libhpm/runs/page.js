// The schedule for copying: as JSON, as it stands in the page, or as CSV.
(() => {
  const area = document.getElementById("schedule-text");
  if (!area) return;
  const json = area.value;
  const cell = (value) => {
    const text = value === null ? "nan" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const flat = (values) =>
    Object.entries(values).flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((one, place) => [`${name}[${place}]`, one]) : [[name, value]]);
  const csv = () => {
    const rows = JSON.parse(json).map(({ hyperparameters, ...own }) => [...Object.entries(own), ...flat(hyperparameters)]);
    const lines = rows.map((row) => row.map(([, value]) => cell(value)).join(","));
    return [(rows[0] || []).map(([name]) => cell(name)).join(","), ...lines].join("\n") + "\n";
  };
  const format = document.getElementById("schedule-format");
  const said = document.getElementById("schedule-said");
  const show = () => { area.value = format.value === "csv" ? csv() : json; said.textContent = ""; };
  format.addEventListener("change", show);
  show(); // a browser may remember the format, not the text
  document.getElementById("schedule-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(area.value);
      said.textContent = "Copied.";
    } catch { // not allowed for a file in some browsers
      area.select();
      said.textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it with Ctrl+C.";
    }
  });
})();
