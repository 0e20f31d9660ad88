// Writes an example of the site that `mdf report` makes. Its HTML says what the C# builder has to write: comments of the kind
// "builder: …" are rules for it. The pictures and numbers are stand-ins, not results.
//
//   node example.mjs FOLDER           two tasks, six losses, three photographs; with names and gaps that are hard to show
//   node example.mjs --large FOLDER   one task, ten losses, 500 pictures, which are all the same file

import { copyFileSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const sources = join(root, "src/MdfLoss.Restoration/Reports/Site");
const photographs = join(root, "samples/photographs");

// ---------------------------------------------------------------- text

/** builder: all text and all values of attributes go through this. */
const escape = text => String(text).replace(/[&<>"']/g, sign => `&#${sign.codePointAt(0)};`);

/** builder: JSON inside a script element must hold no "<", because "</script>" would end it and "<!--" changes its meaning. */
const json = value => JSON.stringify(value).replaceAll("<", "\\u003c");

/** builder: every name that a user chose is in a <bdi>, so that a right-to-left name leaves the text around it in order. */
const name = text => `<bdi>${escape(text)}</bdi>`;

const lines = parts => parts.filter(part => part !== "").join("\n");

// ---------------------------------------------------------------- the page

/** The page. builder: paths are relative to the page, with "/"; nothing is fetched from anywhere else. */
function page({ title, summary, tasks }) {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="site.css">
<!-- In this order, and only the second with "defer": site.js hides the plain grids before they are drawn. -->
<script src="site.js"></script>
<script src="img-comparison-slider.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
<div class="page">
<header>
<h1>${escape(title)}</h1>
<p>${escape(summary)}</p>
<nav class="tasks" aria-label="Tasks">
<ul>
${lines(tasks.map(task => `<li><a href="#${task.id}">${escape(task.title)}</a></li>`))}
</ul>
</nav>
</header>
<main id="content">
${lines(tasks.map(taskSection))}
</main>
<footer>
<p>Made by mdf 0.9.0 on 30 November 2026. The page needs no server and no network: it can be copied with its folder.</p>
</footer>
</div>
<script type="application/json" id="mdfData">${json({ tasks: tasks.map(dataOf) })}</script>
</body>
</html>
`;
}

/**
 * A task. builder: the pictures come first. Parts without content are left out, also from the list of parts. Ids are TASK-PART; an id
 * never holds "/", because that is the mark of an address that the script reads.
 */
function taskSection(task) {
  const parts = [
    ["pictures", "Pictures", pictures],
    ["results", "Results", results],
    ["plots", "Plots", plots],
    ["cost", "Cost", cost],
    ["repeat", "How to repeat it", repeat],
    ["problems", "Problems", problems],
  ].filter(([part]) => part === "pictures" || task[part].length > 0);
  return `<section class="task" id="${task.id}" aria-labelledby="${task.id}-title">
<h2 id="${task.id}-title">${escape(task.title)}</h2>
<p>${escape(task.summary)}</p>
<nav class="parts" aria-label="Parts of ${escape(task.title)}">
<ul>
${lines(parts.map(([part, title]) => `<li${part === "problems" ? ' class="notice"' : ""}><a href="#${task.id}-${part}">${title}</a></li>`))}
</ul>
</nav>
${lines(parts.map(([part, title, content]) => `<section class="part-${part}" id="${task.id}-${part}">
<h3>${title}</h3>
${content(task)}
</section>`))}
</section>`;
}

/**
 * The pictures: a place for the viewer, which the script fills, and the plain grid, which is all there is without the script.
 * builder: `open` is there for readers without the script, which closes the grid. Every <img> is lazy and has the size of its file.
 */
function pictures(task) {
  return `<div class="viewer" data-task="${task.id}"></div>
<details class="all-pictures" open>
<summary>All pictures in a plain grid</summary>
${lines(task.pictures.map(picture => `<article data-picture="${picture.id}">
<h4>${name(picture.title)} <small>${escape(picture.credit)}</small></h4>
<div class="figures">
${figure(picture, "reference", "Reference")}
${figure(picture, "distorted", "Distorted input")}
${lines(task.rows.map(row => figure(picture, row.id, row.name)))}
</div>
</article>`))}
</details>`;
}

/** One picture of the plain grid. */
function figure(picture, id, title) {
  const file = picture[id] ?? (Array.isArray(picture.images) ? `${id}.webp` : picture.images[id]);
  const caption = `<figcaption>${name(title)} <small>${escape(file === undefined ? "no result" : picture.scores[id] ?? "")}</small></figcaption>`;
  if (file === undefined) return `<figure>${caption}</figure>`;
  const alt = escape(`${picture.title}: ${title}`);
  return `<figure><img loading="lazy" decoding="async" width="${picture.width}" height="${picture.height}" alt="${alt}" src="${picture.folder}${file}">${caption}</figure>`;
}

/** The legend of the marks, which is also there for those who do not see colours or small signs. */
const legend = `<p class="legend"><span class="mark" aria-hidden="true">●</span><strong>Bold with a filled dot</strong>: the best of its column.
<span class="mark" aria-hidden="true">○</span>Open dot: not significantly worse than the best (paired bootstrap, α = 0.05).
Small type: the 95 % interval of the mean.</p>`;

/** The table of results. */
function results(task) {
  return `${table(task, "Results", task.measures, task.results)}
${legend}`;
}

/** What each loss costs. */
function cost(task) {
  return table(task, "Cost", task.costs, task.cost);
}

/**
 * A table that the script lets readers sort. builder: the element around it scrolls, has a name and can have the focus. The headings say
 * in `data-better` (high or low) which end comes first; one where neither is better has no arrow. Cells with a number say it in
 * `data-value`, cells without a result have none.
 */
function table(task, title, columns, rows) {
  return `<div class="scroll" role="group" aria-label="${title} of ${escape(task.title)}" tabindex="0">
<table class="results">
<thead>
<tr>
<th scope="col">Loss</th>
${lines(columns.map(heading))}
</tr>
</thead>
<tbody>
${lines(rows.map(row => `<tr><th scope="row">${name(row.name)}</th>${row.cells.map(cell).join("")}</tr>`))}
</tbody>
</table>
</div>`;
}

function heading({ title: text, better }) {
  if (better === undefined) return `<th scope="col">${escape(text)}</th>`;
  const [arrow, word] = better === "high" ? ["↑", "higher"] : ["↓", "lower"];
  return `<th scope="col" data-better="${better}">${escape(text)} <span aria-hidden="true">${arrow}</span><span class="visually-hidden">(${word} is better)</span></th>`;
}

/** A cell: the mean, its interval, and a mark that is also said in words. */
function cell(value) {
  if (value === undefined) return '<td class="none">no result</td>';
  const mark = { best: ["●", "best"], close: ["○", "not significantly worse than the best"] }[value.mark];
  const said = mark === undefined ? "" : `<span class="mark" aria-hidden="true">${mark[0]}</span><span class="visually-hidden"> (${mark[1]})</span>`;
  const interval = value.interval === undefined ? "" : `<small>${escape(value.interval)}</small>`;
  return `<td data-value="${value.mean}"${value.mark === "best" ? ' class="best"' : ""}><span class="mean">${escape(value.text)}</span>${interval}${said}</td>`;
}

/**
 * The plots. builder: either a file with a white ground (the style turns it over in the dark) and a text that says what it shows, or an
 * <svg> in the page with the classes of `.chart`, whose colours are the page's.
 */
function plots(task) {
  return `<div class="plots">
${lines(task.plots.map(plot => `<figure>
${plot.svg ?? `<img loading="lazy" width="${plot.width}" height="${plot.height}" alt="${escape(plot.alt)}" src="${plot.file}">`}
<figcaption>${escape(plot.caption)}</figcaption>
</figure>`))}
</div>`;
}

/** How to repeat each cell of the table: builder: one <details> per loss, with the commands as they are typed. */
function repeat(task) {
  return lines(task.repeat.map(({ row, commands }) => `<details class="repeat">
<summary>${name(row)}</summary>
<div><pre class="commands" tabindex="0">${escape(commands.join("\n"))}</pre></div>
</details>`));
}

/** What went wrong, in plain words. */
function problems(task) {
  return `<ul class="problems">
${lines(task.problems.map(({ row, text }) => `<li><strong>${name(row)}</strong>: ${escape(text)}</li>`))}
</ul>`;
}

/**
 * What the script reads. `images`, `maps` and `scores` lack the rows without a result. `scores` can also have "distorted".
 *
 * builder: two things keep a page with many pictures small, and are optional. `folder` is put before all paths of a picture. `images`, and
 * each of `maps`, can be a list of the rows that have a file, if the files are named ROW.webp and MAP/ROW.webp. The large example has both.
 */
function dataOf({ id, title, rows, maps, pictures: all }) {
  return {
    id,
    title,
    rows: rows.map(row => ({ id: row.id, name: row.name })),
    maps,
    pictures: all.map(picture => ({ ...picture })),
  };
}

// ---------------------------------------------------------------- stand-ins: pictures

const hostile = `<script>alert(1)</script>"'&amp; `.padEnd(200, "a loss with a name of two hundred characters ");
const rows = [
  // In place of a network: `share` of the reference is mixed into the input, then a filter follows.
  { id: "l1", name: "L1", share: 0.45, change: image => image.blur(1.1) },
  { id: "vgg19", name: "VGG-19, perceptual", share: 0.5, change: image => image.sharpen({ sigma: 1.5 }) },
  { id: "mdf", name: "MDF (ours)", share: 0.75, change: image => image },
  { id: "hostile", name: hostile.slice(0, 200), share: 0.3, change: image => image.jpeg({ quality: 12 }) },
  { id: "arabic", name: "خسارة إدراكية", share: 0.4, change: image => image.median(5) },
  { id: "japanese", name: "知覚損失（提案手法）", share: 0.5, change: image => image.modulate({ saturation: 0.6 }).blur(0.7) },
];

/** A row of random numbers that is the same in every run. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

const samplesOf = async image => image.removeAlpha().toColourspace("srgb").raw().toBuffer();
const raw = ({ width, height }) => ({ raw: { width, height, channels: 3 } });

/** The input of the example's tasks. */
const distortions = {
  jpeg10: async (samples, size) => samplesOf(sharp(await sharp(samples, raw(size)).jpeg({ quality: 10 }).toBuffer())),
  noise25: async samples => {
    const next = random(1);
    return Buffer.from(Uint8ClampedArray.from(samples, value => value + 85 * (next() + next() + next())));
  },
};

/** The peak signal-to-noise ratio in decibels, of all channels. */
function psnr(a, b) {
  const sum = a.reduce((total, value, index) => total + (value - b[index]) ** 2, 0);
  return 10 * Math.log10(255 ** 2 * a.length / sum);
}

/** A map of the errors, in colours from black through red to yellow. `exponent` makes two kinds of it. */
function errorMap(a, b, exponent) {
  const map = Buffer.alloc(a.length);
  for (let at = 0; at < a.length; at += 3) {
    const error = (Math.abs(a[at] - b[at]) + Math.abs(a[at + 1] - b[at + 1]) + Math.abs(a[at + 2] - b[at + 2])) / 765;
    const level = Math.min(1, (3 * error) ** exponent);
    map.set([Math.min(255, 420 * level), 255 * level ** 1.8, 90 * level * (1 - level)], at);
  }
  return map;
}

/** The place where the results differ most: the best of a raster of areas. */
function cropOf(results, { width, height }) {
  const area = { width: 128, height: 96 };
  const variance = new Float64Array(width * height);
  for (let pixel = 0; pixel < variance.length; pixel++) {
    const values = results.map(samples => samples[3 * pixel + 1]);
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    variance[pixel] = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  }
  let best = { sum: -1 };
  for (let y = 0; y + area.height <= height; y += 8) {
    for (let x = 0; x + area.width <= width; x += 8) {
      let sum = 0;
      for (let dy = 0; dy < area.height; dy += 2) for (let dx = 0; dx < area.width; dx += 2) sum += variance[(y + dy) * width + x + dx];
      if (sum > best.sum) best = { sum, x, y };
    }
  }
  return { x: best.x, y: best.y, ...area };
}

/** Writes the files of one picture, and returns what the page says of it. `skipped` are the rows without a result. */
async function writePicture(folder, task, { id, credit }, skipped) {
  const path = `pictures/${task}/${id}/`;
  mkdirSync(join(folder, path), { recursive: true });
  const file = join(photographs, `${id}.png`);
  const { width, height } = await sharp(file).metadata();
  const size = { width, height };
  const save = async (to, samples) => {
    await sharp(samples, raw(size)).webp({ quality: 92 }).toFile(join(folder, path, to));
    return to;
  };
  const reference = await samplesOf(sharp(file));
  const distorted = await distortions[task](reference, size);
  const picture = {
    id, title: `${id}.png`, credit, width, height, folder: path,
    reference: await save("reference.webp", reference), distorted: await save("distorted.webp", distorted),
    images: {}, maps: { flip: {}, resnet18: {} }, scores: { distorted: `${psnr(distorted, reference).toFixed(2)} dB` },
  };
  const results = [];
  for (const row of rows) {
    if (skipped.includes(row.id)) continue;
    const mixed = distorted.map((value, index) => Math.round(value + row.share * (reference[index] - value)));
    // JPEG is the only filter that depends on the format it is saved in; the others are saved without loss.
    const filtered = row.change(sharp(mixed, raw(size)));
    const result = await samplesOf(sharp(await (row.id === "hostile" ? filtered : filtered.png()).toBuffer()));
    const decibels = psnr(result, reference);
    results.push(result);
    picture.images[row.id] = await save(`${row.id}.webp`, result);
    picture.maps.flip[row.id] = await save(`${row.id}-flip.webp`, errorMap(result, reference, 1));
    picture.maps.resnet18[row.id] = await save(`${row.id}-resnet18.webp`, errorMap(result, reference, 0.6));
    picture.scores[row.id] = `${decibels.toFixed(2)} dB, FLIP ${(3 / decibels).toFixed(3)}`;
  }
  picture.crop = cropOf(results, size);
  return picture;
}

// ---------------------------------------------------------------- stand-ins: numbers

const measures = [
  { title: "PSNR-Y (dB)", better: "high", digits: 2, of: decibels => decibels },
  { title: "SSIM", better: "high", digits: 3, of: decibels => 1 - 6 / decibels ** 1.2 },
  { title: "LPIPS", better: "low", digits: 3, of: (decibels, index) => 4 / decibels + 0.012 * ((index * 4 + 1) % 7) },
  { title: "DISTS", better: "low", digits: 3, of: (decibels, index) => 2.5 / decibels + 0.009 * ((index * 3) % 5) },
  { title: "FLIP", better: "low", digits: 3, of: decibels => 3 / decibels },
  { title: "FID", better: "low", digits: 1, of: (decibels, index) => 900 / decibels + 4 * ((index * 2) % 5) },
];

/** The mean of a row's values of PSNR; undefined without a result. */
function meanOf(row, all) {
  const values = all.map(picture => picture.scores[row.id]).filter(score => score !== undefined).map(parseFloat);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value) / values.length;
}

/** The cells of a table, with the marks of the best and of those close to it. */
function cellsOf(all) {
  const values = rows.map((row, index) => measures.map(({ of }) => {
    const decibels = meanOf(row, all);
    return decibels === undefined ? undefined : of(decibels, index);
  }));
  return rows.map((row, index) => ({
    name: row.name,
    cells: measures.map(({ better, digits }, column) => {
      const mean = values[index][column];
      if (mean === undefined) return undefined;
      const known = values.map(line => line[column]).filter(value => value !== undefined);
      const best = better === "high" ? Math.max(...known) : Math.min(...known);
      const width = Math.abs(mean) * 0.012;
      return {
        mean, text: mean.toFixed(digits), interval: `${(mean - width).toFixed(digits)} – ${(mean + width).toFixed(digits)}`,
        mark: mean === best ? "best" : Math.abs(mean - best) < width ? "close" : undefined,
      };
    }),
  }));
}

const costs = [
  { title: "Time per step (ms)", better: "low" },
  { title: "Memory (MiB)", better: "low" },
  { title: "Training (h)", better: "low" },
  { title: "Runs" },
];

const costRows = rows.map((row, index) => ({
  name: row.name,
  cells: [41.2 + 13.7 * index, 820 + 210 * index, 2.1 + 0.7 * index, row.id === "japanese" ? 2 : 3]
    .map((value, column) => ({ mean: value, text: value.toFixed([1, 0, 1, 0][column]) })),
}));

const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/** The distortion–perception plane, drawn in the page: its text and lines have the colours of the page, its points those of mdf's plots. */
function plane(task, all) {
  const points = rows.map((row, index) => ({ row, index, decibels: meanOf(row, all) })).filter(({ decibels }) => decibels !== undefined)
    .map(({ row, index, decibels }) => ({ row, index, x: decibels, y: measures[2].of(decibels, index) }));
  const [low, high] = [Math.min(...points.map(point => point.x)) - 0.3, Math.max(...points.map(point => point.x)) + 0.3];
  const [bottom, top] = [Math.min(...points.map(point => point.y)) - 0.01, Math.max(...points.map(point => point.y)) + 0.01];
  const across = x => (60 + 400 * (x - low) / (high - low)).toFixed(1);
  const down = y => (250 - 220 * (y - bottom) / (top - bottom)).toFixed(1);
  const short = text => [...text].length > 24 ? `${[...text].slice(0, 23).join("")}…` : text;
  const levels = [0.25, 0.5, 0.75].map(part => bottom + part * (top - bottom));
  return `<svg class="chart" viewBox="0 0 480 300" role="img" aria-labelledby="${task}-plane-title">
<title id="${task}-plane-title">The losses by distortion (PSNR-Y) and perception (LPIPS); the numbers are in the table of results</title>
${lines(levels.map(level => `<path class="grid" d="M60 ${down(level)}H460"/><text x="54" y="${down(level)}" dy="4" text-anchor="end">${level.toFixed(3)}</text>`))}
<path class="axis" d="M60 30V250H460"/>
<text x="260" y="290" text-anchor="middle">PSNR-Y (dB) →</text>
<text x="0" y="16">↓ LPIPS</text>
<text x="60" y="268" text-anchor="middle">${low.toFixed(1)}</text>
<text x="460" y="268" text-anchor="end">${high.toFixed(1)}</text>
${lines(points.map(({ row, index, x, y }) => `<circle cx="${across(x)}" cy="${down(y)}" r="5" fill="${colours[index]}"/><text x="${across(x)}" y="${down(y)}" dx="${x > (low + high) / 2 ? -9 : 9}" dy="4" text-anchor="${x > (low + high) / 2 ? "end" : "start"}">${escape(short(row.name))}</text>`))}
</svg>`;
}

/** A plot in a file, as ScottPlot writes them: dark on white. */
function curves(title, horizontal, curve) {
  const series = colours.slice(0, 4).map((colour, index) => {
    const points = Array.from({ length: 41 }, (_, at) => `${60 + 10 * at},${(250 - 200 * curve(at / 40, index)).toFixed(1)}`);
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.join(" ")}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="480" height="300" viewBox="0 0 480 300" font-family="sans-serif" font-size="12">
<rect width="480" height="300" fill="#fff"/>
<path fill="none" stroke="#e6e6e6" d="M60 90H460M60 140H460M60 190H460"/>
<path fill="none" stroke="#909090" d="M60 40V250H460"/>
<g fill="#303030"><text x="260" y="290" text-anchor="middle">${horizontal}</text><text x="4" y="22">${title}</text></g>
${lines(series)}
</svg>
`;
}

function writePlots(folder, task) {
  mkdirSync(join(folder, "plots"), { recursive: true });
  const [training, search] = [`plots/${task}-training.svg`, `plots/${task}-search.svg`];
  writeFileSync(join(folder, training), curves("PSNR-Y (dB) on the validation pictures", "step (thousands)", (at, index) => (1 - Math.exp(-5 * at)) * (0.95 - 0.12 * index) + 0.01 * Math.sin(40 * at + index)));
  writeFileSync(join(folder, search), curves("PSNR-Y (dB) after the search", "weight of the loss (logarithm)", (at, index) => 0.9 - 0.1 * index - (at - 0.3 - 0.12 * index) ** 2));
  return { training, search };
}

const commandsOf = (task, row) => [
  `mdf train experiments/${task}.json --loss ${row.id} --seed 1 -o runs/${task}-${row.id}-1`,
  `mdf evaluate runs/${task}-${row.id}-1 --data data/test --measures psnr-y,ssim,lpips,dists,flip,fid -o runs/${task}-${row.id}-1/scores.json`,
];

const exampleTasks = [
  {
    id: "jpeg10", title: "JPEG artefacts, quality 10", skipped: { coffee: ["japanese"] },
    summary: "Networks that remove the artefacts of JPEG at quality 10. They differ only in the loss that they were trained with.",
    problems: [{ row: "知覚損失（提案手法）", text: "the run with seed 3 is unfinished, at step 61,000 of 100,000. The table has the mean of the two others, and coffee.png has no result." }],
  },
  {
    id: "noise25", title: "Gaussian noise, σ = 25", skipped: Object.fromEntries(["coffee", "chelsea", "astronaut"].map(id => [id, ["vgg19"]])),
    summary: "Networks that remove Gaussian noise of standard deviation 25. They differ only in the loss that they were trained with.",
    problems: [{ row: "VGG-19, perceptual", text: "all three runs failed: the loss was not a number from step 1,204 on. There is no result." }],
  },
];

const credits = [
  { id: "coffee", credit: "Rachel Michetti, CC0" }, { id: "chelsea", credit: "Stéfan van der Walt, CC0" }, { id: "astronaut", credit: "NASA, public domain" },
];

/** Writes one task of the example. */
async function exampleTask(folder, task) {
  const all = [];
  for (const photograph of credits) all.push(await writePicture(folder, task.id, photograph, task.skipped[photograph.id] ?? []));
  const { training, search } = writePlots(folder, task.id);
  return {
    ...task, rows, measures, costs, pictures: all, results: cellsOf(all), cost: costRows,
    maps: [{ id: "flip", name: "FLIP" }, { id: "resnet18", name: "ResNet-18" }],
    plots: [
      { svg: plane(task.id, all), caption: "Distortion and perception: better is to the right and down." },
      { file: training, width: 480, height: 300, alt: "Four curves of PSNR-Y that rise with the steps of the training", caption: "Training: PSNR-Y on the validation pictures." },
      { file: search, width: 480, height: 300, alt: "Four curves of PSNR-Y, each with one maximum, by the weight of the loss", caption: "Search of the weight of each loss. The best weight was used." },
    ],
    repeat: rows.map(row => ({ row: row.name, commands: commandsOf(task.id, row) })),
  };
}

// ---------------------------------------------------------------- the large example

/** 500 pictures × 10 losses, to measure what a browser loads. All files are links to one of about 30 kB. */
async function largeTask(folder) {
  const seed = join(folder, "pictures/seed.webp");
  mkdirSync(dirname(seed), { recursive: true });
  const next = random(2);
  const samples = Buffer.from(Uint8ClampedArray.from({ length: 320 * 240 * 3 }, () => 128 + 96 * next()));
  await sharp(samples, raw({ width: 320, height: 240 })).webp({ quality: 46 }).toFile(seed);
  const many = Array.from({ length: 10 }, (_, index) => ({ id: `loss${index}`, name: `Loss ${index}` }));
  const all = Array.from({ length: 500 }, (_, index) => largePicture(folder, seed, `p${String(index).padStart(3, "0")}`, many));
  return {
    id: "jpeg10", title: "JPEG artefacts, quality 10", summary: "500 pictures and 10 losses, to measure what a browser loads.",
    rows: many, maps: [{ id: "flip", name: "FLIP" }, { id: "resnet18", name: "ResNet-18" }], pictures: all,
    measures: [], results: [], costs: [], cost: [], plots: [], repeat: [], problems: [],
  };
}

function largePicture(folder, seed, id, many) {
  const path = `pictures/jpeg10/${id}/`;
  mkdirSync(join(folder, path), { recursive: true });
  const link = file => {
    mkdirSync(dirname(join(folder, path, file)), { recursive: true });
    try {
      linkSync(seed, join(folder, path, file));
    } catch {
      copyFileSync(seed, join(folder, path, file));
    }
    return file;
  };
  const files = (folder = "") => many.map(row => link(`${folder}${row.id}.webp`) && row.id);
  return {
    id, title: `${id}.png`, credit: "random numbers", width: 320, height: 240, folder: path, crop: { x: 40, y: 60, width: 128, height: 96 },
    reference: link("reference.webp"), distorted: link("distorted.webp"), images: files(), maps: { flip: files("flip/"), resnet18: files("resnet18/") },
    scores: Object.fromEntries(many.map(row => [row.id, "31.20 dB, FLIP 0.084"])),
  };
}

// ---------------------------------------------------------------- writing

const large = process.argv[2] === "--large";
const folder = process.argv[large ? 3 : 2];
if (folder === undefined) {
  console.error("usage: node example.mjs [--large] FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const tasks = [];
if (large) tasks.push(await largeTask(folder));
else for (const task of exampleTasks) tasks.push(await exampleTask(folder, task));
writeFileSync(join(folder, "index.html"), page({
  title: "Losses for image restoration",
  summary: "An example of the report of a comparison. Its pictures and numbers are stand-ins: simple filters in place of trained networks. "
    + "Each picture can be seen under every loss at the same place; press the number keys to flip between them.",
  tasks,
}));
copyFileSync(join(sources, "site.css"), join(folder, "site.css"));
copyFileSync(join(sources, "site.js"), join(folder, "site.js"));
copyFileSync(join(sources, "third-party/img-comparison-slider/index.js"), join(folder, "img-comparison-slider.js"));
