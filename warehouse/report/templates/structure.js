// Draws the unit cell of a canvas' data-cell (names of OPTIMADE, angstrom) and turns it with mouse, touch or keys.
"use strict";
// Colours are those of Jmol; radii are covalent, in picometre (Cordero et al., doi 10.1039/b801115j).
const ELEMENTS = {
  H: ["ffffff", 31], He: ["d9ffff", 28], Li: ["cc80ff", 128], Be: ["c2ff00", 96], B: ["ffb5b5", 84], C: ["909090",
  76], N: ["3050f8", 71], O: ["ff0d0d", 66], F: ["90e050", 57], Ne: ["b3e3f5", 58], Na: ["ab5cf2", 166], Mg:
  ["8aff00", 141], Al: ["bfa6a6", 121], Si: ["f0c8a0", 111], P: ["ff8000", 107], S: ["ffff30", 105], Cl:
  ["1ff01f", 102], Ar: ["80d1e3", 106], K: ["8f40d4", 203], Ca: ["3dff00", 176], Sc: ["e6e6e6", 170], Ti:
  ["bfc2c7", 160], V: ["a6a6ab", 153], Cr: ["8a99c7", 139], Mn: ["9c7ac7", 139], Fe: ["e06633", 132], Co:
  ["f090a0", 126], Ni: ["50d050", 124], Cu: ["c88033", 132], Zn: ["7d80b0", 122], Ga: ["c28f8f", 122], Ge:
  ["668f8f", 120], As: ["bd80e3", 119], Se: ["ffa100", 120], Br: ["a62929", 120], Kr: ["5cb8d1", 116], Rb:
  ["702eb0", 220], Sr: ["00ff00", 195], Y: ["94ffff", 190], Zr: ["94e0e0", 175], Nb: ["73c2c9", 164], Mo:
  ["54b5b5", 154], Tc: ["3b9e9e", 147], Ru: ["248f8f", 146], Rh: ["0a7d8c", 142], Pd: ["006985", 139], Ag:
  ["c0c0c0", 145], Cd: ["ffd98f", 144], In: ["a67573", 142], Sn: ["668080", 139], Sb: ["9e63b5", 139], Te:
  ["d47a00", 138], I: ["940094", 139], Xe: ["429eb0", 140], Cs: ["57178f", 244], Ba: ["00c900", 215], La:
  ["70d4ff", 207], Ce: ["ffffc7", 204], Pr: ["d9ffc7", 203], Nd: ["c7ffc7", 201], Pm: ["a3ffc7", 199], Sm:
  ["8fffc7", 198], Eu: ["61ffc7", 198], Gd: ["45ffc7", 196], Tb: ["30ffc7", 194], Dy: ["1fffc7", 192], Ho:
  ["00ff9c", 192], Er: ["00e675", 189], Tm: ["00d452", 190], Yb: ["00bf38", 187], Lu: ["00ab24", 187], Hf:
  ["4dc2ff", 175], Ta: ["4da6ff", 170], W: ["2194d6", 162], Re: ["267dab", 151], Os: ["266696", 144], Ir:
  ["175487", 141], Pt: ["d0d0e0", 136], Au: ["ffd123", 136], Hg: ["b8b8d0", 132], Tl: ["a6544d", 145], Pb:
  ["575961", 146], Bi: ["9e4fb5", 148], Po: ["ab5c00", 140], At: ["754f45", 150], Rn: ["428296", 150], Fr:
  ["420066", 260], Ra: ["007d00", 221], Ac: ["70abfa", 215], Th: ["00baff", 206], Pa: ["00a1ff", 200], U:
  ["008fff", 196], Np: ["0080ff", 190], Pu: ["006bff", 187], Am: ["545cf2", 180], Cm: ["785ce3", 169],
};
const NEAR = 1.1; // two atoms are bonded below this multiple of the sum of their radii, unless both are metals
const NONMETALS = new Set("H B C N O F Si P S Cl Ge As Se Br Te I".split(" "));

const sum = (a, b) => a.map((x, i) => x + b[i]);
const times = (a, n) => a.map((x) => x * n);
const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
const style = (symbol) => ELEMENTS[symbol] || ["888888", 140];

function fractions(cell, place) {
  const [a, b, c] = cell;
  const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
  const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
  const volume = dot(a, cross(b, c));
  return [dot(place, cross(b, c)) / volume, dot(place, cross(c, a)) / volume, dot(place, cross(a, b)) / volume];
}

// Atoms of one cell, and again those on its faces, edges and corners, so that the cell looks whole.
function atomsOf(given) {
  const cell = given.lattice_vectors;
  const shares = Object.fromEntries(given.species.map((s) => [s.name, s]));
  const atoms = [];
  given.cartesian_site_positions.forEach((place, i) => {
    const kind = shares[given.species_at_sites[i]];
    const symbol = kind.chemical_symbols.find((s) => s !== "vacancy");
    if (!symbol) return;
    const inside = fractions(cell, place).map((x) => ((x % 1) + 1) % 1);
    const copies = inside.map((x) => (x < 1e-3 ? [x, x + 1] : x > 1 - 1e-3 ? [x, x - 1] : [x]));
    for (const x of copies[0]) for (const y of copies[1]) for (const z of copies[2]) {
      const at = sum(sum(times(cell[0], x), times(cell[1], y)), times(cell[2], z));
      atoms.push({ at, symbol, mixed: kind.chemical_symbols.length > 1 });
    }
  });
  return atoms;
}

function bondsOf(atoms) {
  const bonds = [];
  for (let i = 0; i < atoms.length; i++) {
    for (let j = i + 1; j < atoms.length; j++) {
      const reach = (NEAR * (style(atoms[i].symbol)[1] + style(atoms[j].symbol)[1])) / 100;
      const [a, b] = [atoms[i].symbol, atoms[j].symbol];
      if (a === b || !(NONMETALS.has(a) || NONMETALS.has(b))) continue;
      if (apart(atoms[i].at, atoms[j].at) < reach) bonds.push([i, j]);
    }
  }
  return bonds;
}

function edgesOf(cell) {
  const corner = (n) => [0, 1, 2].reduce((p, i) => (n & (1 << i) ? sum(p, cell[i]) : p), [0, 0, 0]);
  const edges = [];
  for (let n = 0; n < 8; n++) for (const bit of [1, 2, 4]) if (!(n & bit)) edges.push([corner(n), corner(n | bit)]);
  return edges;
}

function view(canvas) {
  const given = JSON.parse(canvas.dataset.cell);
  const atoms = atomsOf(given);
  const bonds = atoms.length < 400 ? bondsOf(atoms) : [];
  const edges = edgesOf(given.lattice_vectors);
  const middle = times(given.lattice_vectors.reduce(sum), 0.5);
  const span = Math.max(...edges.flat().map((p) => apart(p, middle)), 1);
  // a turn is a matrix whose rows are the right, up and near directions of the screen
  let turn = [[0.94, -0.34, 0], [0.1, 0.28, 0.955], [-0.325, -0.897, 0.297]];
  let zoom = 1;

  const rotate = (dx, dy) => {
    const [c, s, k, t] = [Math.cos(dx), Math.sin(dx), Math.cos(dy), Math.sin(dy)];
    const [x, y, z] = turn;
    const right = sum(times(x, c), times(z, -s));
    const near = sum(times(x, s), times(z, c));
    turn = [right, sum(times(y, k), times(near, -t)), sum(times(y, t), times(near, k))];
    draw();
  };
  const project = (p) => {
    const q = p.map((v, i) => v - middle[i]);
    return turn.map((row) => row[0] * q[0] + row[1] * q[1] + row[2] * q[2]);
  };

  function draw() {
    const box = canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(box.width, 50) * ratio;
    canvas.height = Math.max(box.height, 50) * ratio;
    const pen = canvas.getContext("2d");
    const size = (zoom * Math.min(canvas.width, canvas.height)) / (2.15 * span);
    const put = (q) => [canvas.width / 2 + size * q[0], canvas.height / 2 - size * q[1]];
    const ink = getComputedStyle(canvas).color;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const line = (from, to, colour, width) => {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...put(from));
      pen.lineTo(...put(to));
      pen.stroke();
    };
    const places = atoms.map((a) => project(a.at));
    const tasks = edges.map(([p, q]) => [project(p), project(q)]).map(([p, q]) => ({
      depth: Math.min(p[2], q[2]), paint: () => line(p, q, ink, ratio),
    }));
    bonds.forEach(([i, j]) => tasks.push({
      depth: (places[i][2] + places[j][2]) / 2 - 0.01, paint: () => line(places[i], places[j], "#9aa1a9", 0.14 * size),
    }));
    atoms.forEach((atom, i) => tasks.push({ depth: places[i][2], paint: () => ball(pen, put(places[i]), atom, size) }));
    tasks.sort((a, b) => a.depth - b.depth).forEach((task) => task.paint());
    canvas.dataset.drawn = String(atoms.length);
  }

  function ball(pen, [x, y], atom, size) {
    const [colour, radius] = style(atom.symbol);
    const r = (0.45 * size * radius) / 100;
    const shade = pen.createRadialGradient(x - r / 3, y - r / 3, r / 8, x, y, r);
    shade.addColorStop(0, "#ffffff");
    shade.addColorStop(0.3, `#${colour}`);
    shade.addColorStop(1, `#${colour}`);
    pen.fillStyle = shade;
    pen.strokeStyle = "#333333";
    pen.lineWidth = Math.max(1, size / 60);
    pen.setLineDash(atom.mixed ? [r / 3, r / 3] : []);
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.fill();
    pen.stroke();
    pen.setLineDash([]);
  }

  let held = null;
  canvas.addEventListener("pointerdown", (e) => { held = [e.clientX, e.clientY]; canvas.setPointerCapture(e.pointerId); });
  canvas.addEventListener("pointerup", () => { held = null; });
  canvas.addEventListener("pointermove", (e) => {
    if (!held) return;
    rotate((e.clientX - held[0]) / 120, (e.clientY - held[1]) / 120);
    held = [e.clientX, e.clientY];
  });
  const grow = (by) => { zoom = Math.min(6, Math.max(0.3, zoom * by)); draw(); };
  const keys = {
    ArrowLeft: () => rotate(-0.15, 0), ArrowRight: () => rotate(0.15, 0), ArrowUp: () => rotate(0, -0.15),
    ArrowDown: () => rotate(0, 0.15), "+": () => grow(1.15), "=": () => grow(1.15), "-": () => grow(1 / 1.15),
  };
  canvas.addEventListener("keydown", (e) => { if (keys[e.key]) { e.preventDefault(); keys[e.key](); } });
  for (const button of document.querySelectorAll("[data-turn]")) {
    button.addEventListener("click", () => keys[button.dataset.turn]());
  }
  window.addEventListener("resize", draw);
  legend(atoms);
  draw();
}

function legend(atoms) {
  const list = document.getElementById("legend");
  for (const symbol of new Set(atoms.map((a) => a.symbol))) {
    const item = document.createElement("li");
    const dot = document.createElement("span");
    dot.style.background = `#${style(symbol)[0]}`;
    item.append(dot, symbol);
    list.append(item);
  }
}

for (const canvas of document.querySelectorAll("canvas[data-cell]")) view(canvas);
