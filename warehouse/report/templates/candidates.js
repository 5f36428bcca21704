// Searches, sorts and pages the list of candidates of candidates-data.js; what is asked stands in the address.
"use strict";
const DATA = window.MATLOOM_CANDIDATES;
const PAGE = 50;
const BOX = document.getElementById("finder");
const FIELDS = BOX.elements;
const rows = DATA.formula.map((formula, i) => ({
  formula,
  elements: new Set(formula.match(/[A-Z][a-z]?/g) || []),
  family: DATA.families[DATA.family[i]] || "",
  p_mit: DATA.p_mit[i],
  p_metal: DATA.p_metal[i],
  p_insulator: DATA.p_insulator[i],
  in_domain: DATA.in_domain[i] === 1,
  known: DATA.known[i],
  temperature: DATA.temperature[i],
  structure: DATA.structure[i],
  file: DATA.file[i],
  rank: DATA.rank[i],
  hull: DATA.hull[i],
  stage: DATA.stages[DATA.stage[i]] || "",
  flags: DATA.flags[i],
}));
const KEPT = "candidate";
const SIFTED = DATA.stages.some((name) => name !== "");
let shown = rows;
let first = 0;
let by = { name: "p_mit", down: true };

const words_of = (stage) => stage.replaceAll("_", " ");
const words = (text) => text.match(/[A-Z][a-z]?/g) || [];

const FAMILIES = new Set(DATA.families.map((name) => name.toLowerCase()));

function asked(everywhere) {
  const text = FIELDS.q.value.normalize("NFKC").trim().toLowerCase(); // subscript digits are digits
  const [having, lacking] = [words(FIELDS.has.value), words(FIELDS.not.value)];
  const [family, least, known] = [FIELDS.family.value.trim().toLowerCase(), Number(FIELDS.least.value), FIELDS.known.value];
  const whole = FAMILIES.has(family); // Co+Pd|O, when it is a family, is not part of Cd+Co+Pd|O
  const [funnel, old] = [everywhere ? "all" : FIELDS.funnel.value, FIELDS.old.checked];
  return (r) =>
    (!text || r.formula.toLowerCase().includes(text)) &&
    having.every((e) => r.elements.has(e)) &&
    !lacking.some((e) => r.elements.has(e)) &&
    (!family || (whole ? r.family.toLowerCase() === family : r.family.toLowerCase().includes(family))) &&
    r.p_mit >= least &&
    (known === "any" || (known === "new" ? r.known === "" : known === "known" ? r.known !== "" : r.known === known)) &&
    (funnel === "all" || r.stage === funnel || (funnel === KEPT && old && /\bmit\b/.test(r.known))) &&
    (!FIELDS.domain.checked || r.in_domain) &&
    (!FIELDS.cell.checked || r.structure !== "");
}

function compare(a, b) {
  const [x, y] = [a[by.name], b[by.name]];
  const [nox, noy] = [x === null || x === "", y === null || y === ""];
  if (nox || noy) return nox - noy; // what is missing comes last either way
  const order = typeof x === "string" ? x.localeCompare(y, "en") : x - y;
  return by.down ? -order : order;
}

function find() {
  shown = rows.filter(asked(false));
  shown.sort((a, b) => compare(a, b) || (a.formula < b.formula ? -1 : 1));
  first = 0;
  show();
  remember();
}

function cellOf(content, numeric) {
  const cell = document.createElement("td");
  if (numeric) cell.className = "n";
  cell.append(content);
  return cell;
}

function subscripts(formula) {
  const piece = document.createDocumentFragment();
  for (const part of formula.match(/[\d.]+|[^\d.]+/g) || []) {
    if (/^[\d.]/.test(part)) {
      const low = document.createElement("sub");
      low.textContent = part;
      piece.append(low);
    } else piece.append(part);
  }
  return piece;
}

function rowOf(r) {
  const line = document.createElement("tr");
  if (r.known) line.className = "known";
  const head = document.createElement("th");
  head.scope = "row";
  if (r.file) {
    const link = document.createElement("a");
    link.href = `candidates/${r.file}.html`;
    link.append(subscripts(r.formula));
    head.append(link);
  } else head.append(subscripts(r.formula));
  line.append(
    cellOf(r.rank === null ? "–" : String(r.rank), true), head, cellOf(r.family || "–"), cellOf(r.p_mit.toFixed(3), true), cellOf(r.p_metal.toFixed(3), true),
    cellOf(r.p_insulator.toFixed(3), true), cellOf(r.in_domain ? "yes" : "no"),
    cellOf(r.hull === null ? "–" : r.hull.toFixed(3), true), cellOf(r.known ? `known: ${r.known}` : "–"),
    cellOf(r.temperature === null ? "–" : String(r.temperature), true), cellOf(r.structure || "–"),
    cellOf(r.stage === KEPT ? `kept${r.flags ? `; ${r.flags}` : ""}` : r.stage ? `out at: ${words_of(r.stage)}` : "–"),
  );
  return line;
}

function show() {
  const part = shown.slice(first, first + PAGE);
  document.getElementById("rows").replaceChildren(...part.map(rowOf));
  const many = (n) => n.toLocaleString("en");
  const elsewhere = shown.length ? 0 : rows.filter(asked(true)).length;
  document.getElementById("count").textContent = shown.length
    ? `${many(first + 1)} to ${many(first + part.length)} of ${many(shown.length)} found, ${many(rows.length)} listed`
    : `None of ${many(rows.length)} listed candidates matches${elsewhere ? `; ${many(elsewhere)} of all screened` : ""}.`;
  document.getElementById("back").disabled = first === 0;
  document.getElementById("on").disabled = first + PAGE >= shown.length;
  for (const head of document.querySelectorAll("th[data-by]")) {
    const mine = head.dataset.by === by.name;
    head.setAttribute("aria-sort", mine ? (by.down ? "descending" : "ascending") : "none");
  }
}

function remember() {
  const told = new URLSearchParams();
  for (const field of FIELDS) {
    if (!field.name) continue;
    const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value;
    if (value && value !== field.dataset.plain) told.set(field.name, value);
  }
  if (by.name !== "p_mit" || !by.down) told.set("by", `${by.down ? "-" : ""}${by.name}`);
  history.replaceState(null, "", `#${told}`);
}

function recall() {
  const told = new URLSearchParams(location.hash.slice(1));
  for (const field of FIELDS) {
    if (!told.has(field.name)) continue;
    if (field.type === "checkbox") field.checked = told.get(field.name) === "1";
    else field.value = told.get(field.name);
  }
  const order = told.get("by") || "-p_mit";
  const name = order.replace(/^-/, "");
  if (document.querySelector(`th[data-by="${CSS.escape(name)}"]`)) by = { name, down: order.startsWith("-") };
}

for (const head of document.querySelectorAll("th[data-by]")) {
  head.querySelector("button").addEventListener("click", () => {
    const name = head.dataset.by;
    by = { name, down: by.name === name ? !by.down : name.startsWith("p_") };
    find();
  });
}
const names = document.getElementById("families");
for (const family of [...DATA.families].sort()) names.append(new Option(family));
for (const stage of DATA.stages) if (stage && stage !== KEPT) FIELDS.funnel.append(new Option(`out at: ${words_of(stage)}`, stage));
if (!SIFTED) {
  FIELDS.funnel.dataset.plain = "all";
  FIELDS.funnel.querySelector("[value=all]").defaultSelected = true;
  for (const field of [FIELDS.funnel, FIELDS.old]) field.parentElement.hidden = true;
}
let waiting = 0;
for (const told of ["input", "change"]) // not every way to choose from a list tells both
  BOX.addEventListener(told, () => { clearTimeout(waiting); waiting = setTimeout(find, 120); });
BOX.addEventListener("submit", (e) => e.preventDefault());
BOX.addEventListener("reset", () => setTimeout(find));
document.getElementById("back").addEventListener("click", () => { first -= PAGE; show(); });
document.getElementById("on").addEventListener("click", () => { first += PAGE; show(); });
recall();
find();
