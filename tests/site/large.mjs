// Writes the folder of a comparison with many pictures and losses, without any training: `mdf report FOLDER` makes the page whose weight the browser tests measure.
//
//   node large.mjs FOLDER [PICTURES [LOSSES]]     default: 500 pictures, 10 losses
//
// All pictures are copies of those in small/, which are reduced photographs of samples/photographs. All numbers are made up.

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, pictures = "500", losses = "10"] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: node large.mjs FOLDER [PICTURES [LOSSES]]");
  process.exit(2);
}

const small = join(dirname(fileURLToPath(import.meta.url)), "small");
const photographs = ["astronaut", "chelsea", "coffee"];
const task = join(folder, "large");
const names = Array.from({ length: Number(pictures) }, (_, index) => `picture${String(index).padStart(3, "0")}`);
const rows = Array.from({ length: Number(losses) }, (_, index) => ({ name: `Loss ${index}`, folder: `cells/loss=${index}` }));

/** Puts a picture into the folder of the task. */
function copy(to, index) {
  mkdirSync(dirname(join(task, to)), { recursive: true });
  copyFileSync(join(small, `${photographs[index % photographs.length]}.png`), join(task, to));
}

names.forEach((name, index) => {
  for (const place of ["originals", "distorted", ...rows.map(row => `${row.folder}/pictures`)]) copy(`${place}/${name}.png`, index);
});
const settings = "made up";
writeFileSync(join(task, "task.json"), JSON.stringify({
  comparison: "A large comparison", order: 0, id: "large", title: "Many pictures", task: "jpeg:10", network: "dncnn", sets: ["Set"], measures: ["psnr_y", "flip"],
  rows: rows.map(row => ({ name: row.name, loss: "l1", results: [{ seed: 1, folder: row.folder }] })),
  pictures: names.map(name => ({ name, credit: "CC0" })), picture_size: 64, threads: 1, settings, pictures_settings: settings,
}));
rows.forEach((row, index) => {
  const images = names.map((name, at) => ({ name, scores: { psnr_y: 30 + at % 7 + 0.1 * index, flip: 0.1 + 0.001 * index } }));
  writeFileSync(join(task, row.folder, "scores.json"), JSON.stringify({
    name: row.name, seed: 1, loss: "l1", settings, pictures_settings: settings, key: "made up",
    sets: [{ name: "Set", protocol: "made up", images }], pictures: { name: "pictures", protocol: "made up", images }, between: [],
  }));
});
