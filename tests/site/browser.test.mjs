// Tests a site in Chromium. MDF_SITE is the folder of any site; tests that it has nothing for (one picture only, no strange names) are
// skipped. MDF_SITE_LARGE is a folder with many pictures. With MDF_SITE_SHOTS the tests leave screenshots there.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const flags = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const site = resolve(process.env.MDF_SITE ?? "");
const large = process.env.MDF_SITE_LARGE === undefined ? undefined : resolve(process.env.MDF_SITE_LARGE);
const shots = process.env.MDF_SITE_SHOTS;
const axe = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const LARGEST_FIRST_PAINT = 2_000_000;

/** What the page says about itself. */
function comparisonOf(folder) {
  const html = readFileSync(join(folder, "index.html"), "utf8");
  return JSON.parse(/<script[^>]*id="mdfData"[^>]*>(.*?)<\/script>/s.exec(html)[1]);
}

const { tasks } = comparisonOf(site);
/** The first picture that has results of two losses, and its task. */
const { task, picture, rows } = tasks.flatMap(each => each.pictures.map(one => ({ task: each, picture: one, rows: rowsWith(each, one) })))
  .find(each => each.rows.length >= 2) ?? {};

/** The rows of a task that have a result for a picture. */
function rowsWith(of, one) {
  return of.rows.filter(row => Array.isArray(one.images) ? one.images.includes(row.id) : one.images?.[row.id] !== undefined);
}

const addressOf = (chosen, mode) => `#${[task.id, picture.id, chosen.map(row => row.id).join(","), ...(mode === undefined ? [] : [mode])].join("/")}`;
const pageOf = folder => pathToFileURL(join(folder, "index.html")).href;

let browser;
let contexts = [];

/** Opens the page. Whatever it asks for, prints to the console, or asks the reader in a dialog, is noted. */
async function open({ hash = "", folder = site, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  contexts.push(context);
  const page = await context.newPage();
  const noted = { requests: [], messages: [], dialogs: [] };
  page.on("request", request => noted.requests.push(request.url()));
  page.on("requestfailed", request => noted.messages.push(`not loaded: ${request.url()}`));
  page.on("pageerror", error => noted.messages.push(error.message));
  page.on("console", message => { if (["error", "warning"].includes(message.type())) noted.messages.push(message.text()); });
  page.on("dialog", dialog => { noted.dialogs.push(dialog.message()); void dialog.dismiss(); });
  await page.goto(pageOf(folder) + hash, { waitUntil: "load" });
  const viewer = page.locator(`.viewer[data-task="${task.id}"]`);
  return { page, viewer, noted, stage: viewer.locator(".stage") };
}

/** Opens the page at the picture that has results. */
async function openPicture(mode, options = {}) {
  const opened = await open({ hash: addressOf(rows, mode), ...options });
  await opened.stage.locator("img.shown").first().waitFor();
  return opened;
}

const layer = stage => stage.locator(".frame img.shown");

/** The file that the stage shows, and where. */
const shownOn = stage => layer(stage).evaluate(image => {
  const { x, y, width, height } = image.getBoundingClientRect();
  return { file: image.getAttribute("src"), place: [x, y, width, height] };
});

/** Waits until the stage shows a row, or the reference or the input. */
const waitForShown = (stage, id) => stage.locator(`.frame[data-shown="${id}"]`).waitFor();

/** Waits until the page has drawn. */
const drawn = page => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));

const folderOf = one => one.folder ?? "";
const fileOf = (one, row) => folderOf(one) + (Array.isArray(one.images) ? `${row.id}.webp` : one.images[row.id]);

/** The files that a task's viewer needs before the reader does anything: the thumbnails, and the first loss for the first picture. */
function neededAtFirst(of) {
  const [first] = of.pictures;
  const thumbnails = of.pictures.length <= 24 ? of.pictures.map(one => folderOf(one) + one.reference) : [];
  return [...thumbnails, ...rowsWith(of, first).slice(0, 1).map(row => fileOf(first, row))];
}

/** The places of the pictures in all frames of a grid, each relative to its frame. */
const placesOf = stage => stage.locator(".frame").evaluateAll(frames => frames.map(frame => {
  const image = frame.querySelector("img.shown");
  if (image === null) return undefined;
  const [inside, outside] = [image.getBoundingClientRect(), frame.getBoundingClientRect()];
  return [inside.x - outside.x, inside.y - outside.y, inside.width, inside.height].map(Math.round).join(" ");
}).filter(place => place !== undefined));

async function save(page, name, options) {
  if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`), ...options });
}

describe("the report of a comparison", { skip: task === undefined ? "the site has no picture with results of two losses" : false }, () => {
  before(async () => {
    if (shots !== undefined) mkdirSync(shots, { recursive: true });
    browser = await chromium.launch({ executablePath: process.env.MDF_CHROMIUM ?? "/usr/bin/chromium", args: flags });
  });

  after(() => browser?.close());

  afterEach(async () => {
    for (const context of contexts) await context.close();
    contexts = [];
  });

  test("number keys flip between the losses, and nothing moves", async () => {
    const { page, stage, viewer } = await openPicture();
    const first = await shownOn(stage);
    const before = await stage.screenshot();
    const stageBefore = await stage.boundingBox();
    assert.equal(first.file, fileOf(picture, rows[0]));
    await page.keyboard.press("2");
    await waitForShown(stage, rows[1].id);
    const second = await shownOn(stage);
    assert.equal(second.file, fileOf(picture, rows[1]));
    assert.deepEqual(second.place, first.place);
    assert.deepEqual(await stage.boundingBox(), stageBefore);
    assert.equal(await viewer.locator(".caption strong").textContent(), rows[1].name);
    assert.equal(before.equals(await stage.screenshot()), false, "the pixels of the stage must change");
    await page.keyboard.press("1");
    await waitForShown(stage, rows[0].id);
    await drawn(page);
    assert.equal(before.equals(await stage.screenshot()), true, "the pixels must be the same as before");
  });

  test("Space shows the reference and goes back, d does the same with the input", async () => {
    const { page, stage } = await openPicture();
    await page.keyboard.press("2");
    await waitForShown(stage, rows[1].id);
    const { place } = await shownOn(stage);
    const scrolled = await page.evaluate(() => scrollY);
    for (const [key, id, file] of [["Space", "~reference", picture.reference], ["d", "~distorted", picture.distorted]]) {
      await page.keyboard.press(key);
      await waitForShown(stage, id);
      assert.deepEqual(await shownOn(stage), { file: folderOf(picture) + file, place });
      await page.keyboard.press(key);
      await waitForShown(stage, rows[1].id);
    }
    await page.keyboard.press("d");
    await page.keyboard.press("Space");
    await page.keyboard.press("Space");
    await waitForShown(stage, rows[1].id);
    assert.equal(await page.evaluate(() => scrollY), scrolled, "Space must not scroll the page");
  });

  test("the pictures of the keys are loaded before they are pressed, and a flip asks for no file", async () => {
    const { page, stage, noted } = await openPicture();
    await page.mouse.move(5, 5);
    await page.waitForFunction(count => [...document.querySelectorAll(".stage img.layer")].filter(image => image.complete).length >= count, rows.length);
    const count = noted.requests.length;
    await page.keyboard.press("2");
    await waitForShown(stage, rows[1].id);
    assert.equal(noted.requests.length, count);
  });

  test("keys do nothing in a field, and nothing when something else of the page has the focus", async () => {
    const { page, stage, viewer } = await openPicture("slider");
    const address = await page.evaluate(() => location.hash);
    const zoom = await viewer.locator(".zoom").textContent();
    await viewer.locator("select.left").focus();
    await page.keyboard.press("+");
    await page.locator("a[href^='#']").last().focus();
    for (const key of ["Space", "d", "2", "-", "ArrowRight"]) await page.keyboard.press(key);
    assert.equal(await page.evaluate(() => location.hash), address);
    assert.equal(await viewer.locator(".zoom").textContent(), zoom);
    assert.equal(await viewer.getAttribute("data-mode"), "slider");
    assert.equal(await stage.locator("img-comparison-slider").count(), 1);
  });

  test("a loss without a result says so", async t => {
    const gap = tasks.flatMap(each => each.pictures.map(one => ({ each, one, row: each.rows.find(row => !rowsWith(each, one).includes(row)) })))
      .find(({ row, each }) => row !== undefined && each === task);
    if (gap === undefined) return t.skip("all losses have results for all pictures");
    const { viewer, stage } = await open({ hash: `#${gap.each.id}/${gap.one.id}/${gap.row.id}` });
    await stage.locator(".message.shown").waitFor();
    assert.equal(await stage.locator(".message.shown").textContent(), "No result");
    assert.equal(await viewer.locator(".caption .scores").textContent(), "no result");
  });

  test("the slider follows the mouse", async () => {
    const { page, stage } = await openPicture("slider");
    const slider = stage.locator("img-comparison-slider");
    const { x, y, width, height } = await slider.boundingBox();
    const before = await stage.screenshot();
    const place = await stage.evaluate(element => element.getAttribute("style"));
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 4, y + height / 2, { steps: 4 });
    await page.mouse.up();
    assert.equal(Number(await slider.getAttribute("aria-valuenow")), 25);
    assert.equal(await stage.evaluate(element => element.getAttribute("style")), place, "the handle must not move the picture");
    assert.equal(before.equals(await stage.screenshot()), false);
  });

  test("the slider follows the keyboard", async () => {
    const { page, stage } = await openPicture("slider");
    const slider = stage.locator("img-comparison-slider");
    await slider.focus();
    const address = await page.evaluate(() => location.hash);
    await page.keyboard.down("ArrowRight");
    await page.waitForFunction(() => Number(document.querySelector("img-comparison-slider").getAttribute("aria-valuenow")) > 55);
    await page.keyboard.up("ArrowRight");
    await page.keyboard.press("Home");
    assert.equal(await slider.getAttribute("aria-valuenow"), "0");
    assert.equal(await page.evaluate(() => location.hash), address, "the arrows must not change the picture");
  });

  test("the two sides of the slider can be chosen", async () => {
    const { page, viewer, stage } = await openPicture("slider");
    await viewer.locator("select.right").selectOption("~reference");
    const [first, second] = [fileOf(picture, rows[0]), folderOf(picture) + picture.reference];
    await stage.locator(`[slot=second] img.shown[src="${second}"]`).waitFor();
    assert.equal(await stage.locator("[slot=first] img.shown").getAttribute("src"), first);
    assert.equal(await page.evaluate(() => location.hash), `#${task.id}/${picture.id}/${rows[0].id},~reference/slider`);
  });

  test("another picture can be chosen, by pointer, by button and by arrow", async t => {
    if (task.pictures.length < 2) return t.skip("the task has one picture");
    const { page, viewer, stage } = await openPicture();
    const index = task.pictures.indexOf(picture);
    const [next, previous] = [1, -1].map(by => task.pictures.at((index + by) % task.pictures.length));
    const isShown = one => page.waitForFunction(address => location.hash.startsWith(address), `#${task.id}/${one.id}/`);
    await page.keyboard.press("ArrowRight");
    await isShown(next);
    await viewer.getByRole("button", { name: "Previous picture" }).click();
    await isShown(picture);
    await page.keyboard.press("ArrowLeft");
    await isShown(previous);
    if (task.pictures.length <= 24) await viewer.locator(".thumbnail").nth(index).click();
    else await viewer.locator(".picker select").selectOption(String(index));
    await isShown(picture);
    await stage.locator(`img.shown[src="${fileOf(picture, rows[0])}"]`).waitFor();
    if (task.pictures.length <= 24) await page.keyboard.press("2");
    else await stage.press("2");
    await waitForShown(stage, rows[1].id);
  });

  test("losses can be taken out of the comparison and put back", async () => {
    const { page, viewer, stage } = await openPicture("grid");
    const figures = stage.locator("figure");
    const count = await figures.count();
    const check = viewer.locator(".choices input").nth(task.rows.indexOf(rows[0]));
    await check.focus();
    await page.keyboard.press("Space");
    assert.equal(await figures.count(), count - 1);
    assert.equal(await stage.locator(`[data-row="${rows[0].id}"]`).count(), 0);
    const address = await page.evaluate(() => location.hash);
    assert.equal(address, addressOf(rows.slice(1), "grid"));
    await check.click();
    assert.equal(await figures.count(), count);
  });

  test("the frames of the grid zoom and move in step, by whole factors", async () => {
    const { page, viewer, stage } = await openPicture("grid");
    await page.waitForFunction(count => document.querySelectorAll(".stage img.shown").length >= count, rows.length + 2);
    const same = async () => {
      const places = await placesOf(stage);
      assert.ok(places.length >= rows.length + 2);
      assert.equal(new Set(places).size, 1, `the frames differ: ${places.join("; ")}`);
      return places[0];
    };
    const start = await same();
    await viewer.getByRole("button", { name: "Zoom in" }).click();
    const zoomed = await same();
    assert.notEqual(zoomed, start);
    const zoom = Number.parseInt(await viewer.locator(".zoom").textContent(), 10);
    assert.equal(zoomed.split(" ")[2], String(picture.width * zoom));
    const { x, y, width, height } = await stage.locator(".frame").nth(1).boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + 17, y + height / 2 + 9, { steps: 3 });
    await page.mouse.up();
    assert.notEqual(await same(), zoomed);
    await viewer.getByRole("button", { name: "Most different" }).click();
    assert.equal(await same(), start);
  });

  test("Ctrl with the wheel zooms around the pointer", async () => {
    const { page, viewer, stage } = await openPicture();
    await viewer.getByRole("button", { name: "Most different" }).click();
    // Larger than the stage, so that no edge of the picture keeps it in the middle.
    for (const key of ["+", "+"]) await page.keyboard.press(key);
    const { x, y, width, height } = await stage.boundingBox();
    const at = { x: x + width / 2 + 40, y: y + height / 2 + 30 };
    // The place of the picture that is under the pointer, in pixels of the picture.
    const under = () => layer(stage).evaluate((image, point) => {
      const box = image.getBoundingClientRect();
      return [(point.x - box.x) * image.naturalWidth / box.width, (point.y - box.y) * image.naturalHeight / box.height];
    }, at);
    const before = await under();
    const zoom = await viewer.locator(".zoom").textContent();
    await page.mouse.move(at.x, at.y);
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -100);
    await page.keyboard.up("Control");
    await page.waitForFunction(([selector, text]) => document.querySelector(selector).textContent !== text, [`.viewer[data-task="${task.id}"] .zoom`, zoom]);
    const after = await under();
    for (const [index, place] of before.entries()) assert.ok(Math.abs(place - after[index]) < 1, `${before} became ${after}`);
  });

  test("a pixel of a picture is a whole number of pixels of a screen with two pixels per CSS pixel", async () => {
    const { viewer, stage } = await openPicture(undefined, { deviceScaleFactor: 2 });
    const zoom = Number.parseInt(await viewer.locator(".zoom").textContent(), 10);
    const { place } = await shownOn(stage);
    assert.equal(place[2] * 2, picture.width * zoom);
    assert.equal(await layer(stage).evaluate(image => getComputedStyle(image).imageRendering), "pixelated");
  });

  test("error maps are shown for the chosen losses, and the kind of map can be chosen", async t => {
    const ofMap = picture.maps?.[task.maps?.[0]?.id];
    if (ofMap === undefined || rowsWith(task, { images: ofMap.rows ?? picture.images }).length === 0) return t.skip("the site has no error maps");
    const { page, viewer, stage } = await openPicture("maps");
    const image = stage.locator(`[data-row="${rows[0].id}"] img.shown`);
    await image.waitFor();
    const first = await image.getAttribute("src");
    assert.notEqual(first, fileOf(picture, rows[0]));
    const scale = async () => Number(/≥ ([\d.]+);/.exec(await viewer.locator(".map-scale").textContent())[1]);
    assert.equal(await scale(), picture.maps[task.maps[0].id].brightest);
    if (task.maps.length < 2) return;
    await viewer.getByLabel("Map").selectOption(task.maps[1].id);
    await stage.locator(`[data-row="${rows[0].id}"] img.shown:not([src="${first}"])`).waitFor();
    assert.equal(await scale(), picture.maps[task.maps[1].id].brightest);
    const measure = task.measures.find(each => each.id === task.maps[1].id);
    if (measure !== undefined) assert.ok((await stage.locator(`[data-row="${rows[0].id}"] .scores`).textContent()).startsWith(measure.title), "the score of the map comes first");
    await page.reload();
    await viewer.locator(`.map-scale`).waitFor();
    assert.equal(await viewer.getByLabel("Map").inputValue(), task.maps[1].id, "the address names the map");
  });

  test("a deep link opens what it names, and the address follows the reader", async () => {
    const chosen = [rows[1]];
    const { page, viewer, stage } = await open({ hash: addressOf(chosen, "grid") });
    assert.equal(await viewer.getAttribute("data-mode"), "grid");
    await stage.locator(`[data-row="${rows[1].id}"] img.shown`).waitFor();
    assert.equal(await stage.locator(`[data-row="${rows[0].id}"]`).count(), 0);
    assert.ok(await viewer.evaluate(element => element.getBoundingClientRect().top < innerHeight), "the viewer must be on the screen");
    const length = await page.evaluate(() => history.length);
    await viewer.locator('.modes [data-mode="flip"]').click();
    assert.equal(await page.evaluate(() => location.hash), addressOf(chosen));
    assert.equal(await page.evaluate(() => history.length), length, "the way back must stay one step");
    await page.evaluate(hash => { location.hash = hash; }, addressOf([rows[0]]));
    await waitForShown(stage, rows[0].id);
  });

  test("the address names the loss that is flipped to, and a comparison without losses", async () => {
    const { page, stage, viewer } = await openPicture();
    await page.keyboard.press("2");
    await waitForShown(stage, rows[1].id);
    await page.reload();
    await waitForShown(stage, rows[1].id);
    await page.evaluate(hash => { location.hash = hash; }, addressOf(rows, "slider"));
    await stage.locator("img-comparison-slider").waitFor();
    await page.evaluate(hash => { location.hash = hash; }, addressOf(rows));
    await waitForShown(stage, rows[0].id);
    for (const check of await viewer.locator(".choices input").all()) await check.uncheck();
    await page.reload();
    await waitForShown(stage, "~reference");
    assert.equal(await viewer.locator(".choices input:checked").count(), 0);
  });

  test("Space in the slider and the grid shows the reference, and goes back there; a number shows a loss", async () => {
    for (const mode of ["slider", "grid"]) {
      const { page, stage, viewer } = await openPicture(mode);
      await page.keyboard.press("Space");
      await waitForShown(stage, "~reference");
      await page.keyboard.press("Space");
      assert.equal(await viewer.getAttribute("data-mode"), mode);
      await page.keyboard.press("2");
      if (mode === "slider") assert.equal(await viewer.locator("select.right").inputValue(), rows[1].id);
      else await waitForShown(stage, rows[1].id);
    }
    const { page, stage, viewer } = await openPicture("slider");
    await stage.locator("img-comparison-slider").focus();
    for (const id of ["~reference", undefined]) {
      await page.keyboard.press("Space");
      if (id !== undefined) await waitForShown(stage, id);
    }
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "IMG-COMPARISON-SLIDER", "the focus goes back with the slider");
    await viewer.locator('.modes [data-mode="flip"]').click();
    await waitForShown(stage, rows[0].id);
  });

  test("n and p show the next and the previous loss", async () => {
    const { page, stage } = await openPicture();
    for (const [key, row] of [["n", rows[1]], ["p", rows[0]], ["p", rows.at(-1)], ["n", rows[0]]]) {
      await page.keyboard.press(key);
      await waitForShown(stage, row.id);
    }
  });

  test("keys are for a viewer on the screen only", async () => {
    const { page, stage } = await openPicture();
    await page.evaluate(() => { document.activeElement.blur(); });
    await stage.evaluate(element => scrollBy(0, element.getBoundingClientRect().bottom - 20));
    const scrolled = await page.evaluate(() => scrollY);
    await page.keyboard.press("Space");
    await page.waitForFunction(before => scrollY > before, scrolled);
    assert.equal(await stage.locator(".frame").getAttribute("data-shown"), rows[0].id);
  });

  test("no control of the slider is cut at any width", async () => {
    for (const width of [400, 641, 768, 900, 1100, 1280]) {
      const { page, viewer } = await openPicture("slider", { viewport: { width, height: 900 } });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      const bar = await viewer.locator(".sides").boundingBox();
      for (const select of await viewer.locator(".of-side select").all()) {
        const box = await select.boundingBox();
        assert.ok(box.width >= 80 && box.x >= bar.x && box.x + box.width <= bar.x + bar.width + 0.5, `${width}: ${box.x} to ${box.x + box.width}`);
      }
    }
  });

  test("the tables beside the page can be reached from it", async t => {
    const { page } = await open();
    const links = await page.locator(".downloads a").evaluateAll(all => all.map(link => link.getAttribute("href")));
    if (links.length === 0) return t.skip("the site has no table");
    for (const link of links) assert.ok(statSync(join(site, link)).size > 0, link);
    assert.ok(links.some(link => link.endsWith(".pairs.csv")));
  });

  test("parts of a link that do not exist are ignored", async () => {
    for (const hash of ["#%E0%A4%A", "#nothing/at/all", `#${task.id}/nothing/nothing,${rows[1].id}/nothing`, `#${task.id}/${picture.id}//`, "#/", "#a/b/c/d/e/f"]) {
      const { page, noted, stage, viewer } = await open({ hash });
      await viewer.scrollIntoViewIfNeeded();
      await stage.locator(".shown").first().waitFor();
      assert.equal(await viewer.getAttribute("data-mode"), "flip");
      assert.deepEqual(noted.messages, [], hash);
      await page.close();
    }
  });

  test("dark mode has other colours, and the same grey around the pictures", async () => {
    const colours = {};
    for (const colorScheme of ["light", "dark"]) {
      const { page, stage } = await openPicture(undefined, { colorScheme });
      colours[colorScheme] = await page.evaluate(() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]);
      colours[`${colorScheme}Stage`] = await stage.locator(".frame").evaluate(frame => getComputedStyle(frame).backgroundColor);
      await save(page, `flip-${colorScheme}`);
      for (const mode of ["slider", "grid", "maps"]) {
        const opened = await openPicture(mode, { colorScheme });
        await opened.page.waitForTimeout(200);
        await save(opened.page, `${mode}-${colorScheme}`);
      }
      await page.evaluate(() => scrollTo(0, 0));
      await save(page, `top-${colorScheme}`);
      await save(page, `page-${colorScheme}`, { fullPage: true });
    }
    assert.notDeepEqual(colours.dark, colours.light);
    assert.equal(colours.darkStage, colours.lightStage);
  });

  test("a page 400 pixels wide does not scroll sideways, in any mode", async () => {
    for (const mode of [undefined, "slider", "grid", "maps"]) {
      const { page } = await openPicture(mode, { viewport: { width: 400, height: 800 } });
      await page.locator("details").evaluateAll(all => { for (const details of all) details.open = true; });
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.body.scrollWidth]);
      assert.deepEqual(widths, [400, 400], mode);
      await save(page, `phone-${mode ?? "flip"}`);
    }
  });

  test("a tap on the stage of a telephone shows the next loss", async () => {
    const { page, stage } = await openPicture(undefined, { viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
    await stage.tap();
    await waitForShown(stage, rows[1].id);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 400);
  });

  test("one finger moves the picture, two fingers zoom", async () => {
    const { page, viewer, stage } = await openPicture(undefined, { viewport: { width: 400, height: 800 }, hasTouch: true, isMobile: true });
    const devtools = await page.context().newCDPSession(page);
    const { x, y, width, height } = await stage.boundingBox();
    const [across, down] = [x + width / 2, y + height / 2];
    const touch = (type, ...points) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })) });
    const zoom = async () => Number.parseInt(await viewer.locator(".zoom").textContent(), 10);
    const first = await zoom();
    await touch("touchStart", [across - 30, down], [across + 30, down]);
    for (let by = 30; by <= 130; by += 20) await touch("touchMove", [across - by, down], [across + by, down]);
    await touch("touchEnd");
    await page.waitForFunction(([selector, text]) => Number.parseInt(document.querySelector(selector).textContent, 10) > text, [`.viewer[data-task="${task.id}"] .zoom`, first]);
    const { place } = await shownOn(stage);
    const scrolled = await page.evaluate(() => scrollY);
    await touch("touchStart", [across, down]);
    for (let by = 10; by <= 60; by += 10) await touch("touchMove", [across - by, down - by]);
    await touch("touchEnd");
    await drawn(page);
    assert.notDeepEqual((await shownOn(stage)).place, place);
    assert.equal(await page.evaluate(() => scrollY), scrolled, "a finger on the stage must not scroll the page");
    assert.equal(await stage.locator(".frame").getAttribute("data-shown"), rows[0].id, "a drag is no tap");
  });

  test("the print has the grid of the current picture and no controls", async () => {
    const { page, viewer } = await openPicture();
    const grid = page.locator(`#${task.id} .all-pictures`);
    assert.equal(await grid.locator("article:visible").count(), 0);
    await page.emulateMedia({ media: "print" });
    await grid.locator(`article[data-picture="${picture.id}"] img`).first().waitFor();
    assert.equal(await grid.locator("article:visible").count(), 1);
    assert.equal(await viewer.isVisible(), false);
    assert.equal(await page.locator("button.copy:visible, nav:visible, select:visible, input:visible").count(), 0);
    await page.waitForFunction(id => [...document.querySelectorAll(`[id="${id}"] .current img`)].every(image => image.complete && image.naturalWidth > 0), task.id);
    await save(page, "print", { fullPage: true });
    await page.emulateMedia({ media: "screen" });
    await viewer.waitFor();
    assert.equal(await grid.locator("article:visible").count(), 0);
  });

  test("without JavaScript the page is a readable grid", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    const grid = page.locator(`#${task.id} .all-pictures`);
    const article = grid.locator(`article[data-picture="${picture.id}"]`);
    assert.equal(await article.isVisible(), true);
    assert.equal(await article.locator("figure").count(), task.rows.length + 2);
    assert.equal(await article.locator("img").count(), rows.length + 2);
    assert.ok((await article.locator("figcaption").allTextContents()).some(text => text.includes(rows[0].name)));
    await article.locator("img").first().scrollIntoViewIfNeeded();
    assert.equal(await page.locator("button, select, input").count(), 0, "there must be no controls that do nothing");
    await save(page, "no-script");
  });

  test("tables are sorted by mouse and by keyboard, with what has no result last", async t => {
    const { page } = await open();
    const table = page.locator("table.results").first();
    if (await table.count() === 0) return t.skip("the site has no table");
    const header = table.locator("thead th").nth(1);
    const values = () => table.locator("tbody td:nth-child(2)").evaluateAll(cells => cells.map(cell => cell.dataset.value === undefined ? undefined : Number(cell.dataset.value)));
    const sorted = (list, direction) => {
      const known = list.filter(value => value !== undefined).sort((a, b) => direction * (a - b));
      return [...known, ...Array(list.length - known.length).fill(undefined)];
    };
    assert.equal(await header.getAttribute("aria-sort"), "none");
    const before = await values();
    const high = await header.getAttribute("data-better") === "high";
    await header.getByRole("button").click();
    assert.equal(await header.getAttribute("aria-sort"), high ? "descending" : "ascending");
    assert.deepEqual(await values(), sorted(await values(), high ? -1 : 1));
    await page.keyboard.press("Enter");
    assert.equal(await header.getAttribute("aria-sort"), high ? "ascending" : "descending");
    assert.deepEqual(await values(), sorted(await values(), high ? 1 : -1));
    await header.getByRole("button").click();
    assert.equal(await header.getAttribute("aria-sort"), "none", "the third press restores the order");
    assert.deepEqual(await values(), before);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Space");
    assert.equal(await header.getAttribute("aria-sort"), "none");
    assert.equal(await table.locator("thead th").first().getAttribute("aria-sort"), "ascending");
  });

  test("a search has a link, its settings, and plots that load", async t => {
    const { page } = await open();
    const search = page.locator("section.task[id^='search-']").first();
    if (await search.count() === 0) return t.skip("no sweep is on this page");
    const id = await search.getAttribute("id");
    await page.locator(`nav.tasks a[href="#${id}"]`).click();
    assert.equal(await page.evaluate(() => location.hash), `#${id}`);
    assert.ok(await search.locator("table.results tbody tr").count() >= 2);
    assert.equal(await search.locator("tbody tr:has(td.best)").count(), 1, "one setting is chosen");
    for (const plot of await search.locator(".plots img").all()) {
      await plot.scrollIntoViewIfNeeded();
      assert.ok(await plot.evaluate(image => image.decode().then(() => image.naturalWidth > 0)));
    }
    await save(page, "search");
  });

  test("commands can be copied", async t => {
    const { page } = await open({ permissions: ["clipboard-read", "clipboard-write"] });
    const commands = page.locator("pre.commands").first();
    if (await commands.count() === 0) return t.skip("the site has no commands");
    await page.locator("details:has(pre.commands)").first().evaluate(details => { details.open = true; });
    const copy = page.locator("button.copy").first();
    await copy.click();
    await page.waitForFunction(() => document.querySelector("button.copy").textContent === "Copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), (await commands.textContent()).trim());
  });

  test("everything can be reached by keyboard, and the focus can be seen", async () => {
    const { page, viewer } = await openPicture();
    const wanted = await viewer.locator("button:not(:disabled):visible, input:visible, .stage, summary").count();
    await viewer.locator("button").first().focus();
    const seen = new Set();
    for (let presses = 0; presses < wanted + 5; presses++) {
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        if (element.closest(".viewer") === null) return undefined;
        element.dataset.seen ??= String(Math.random());
        return { id: element.dataset.seen, outline: getComputedStyle(element).outlineStyle, name: element.className };
      });
      if (focus === undefined) break;
      if (presses > 0) assert.notEqual(focus.outline, "none", focus.name);
      seen.add(focus.id);
      await page.keyboard.press("Tab");
    }
    assert.equal(seen.size, wanted);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds nothing serious in ${colorScheme} colours, in any mode`, async () => {
      for (const mode of [undefined, "slider", "grid", "maps"]) {
        const { page } = await openPicture(mode, { colorScheme });
        await page.locator("details:not(.all-pictures)").evaluateAll(all => { for (const details of all) details.open = true; });
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
        const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
        assert.deepEqual(grave.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html.slice(0, 200)).join(" | ")}`), [], mode);
      }
    });
  }

  test("the page asks for files below its folder only, and the console stays empty", async () => {
    const { page, viewer, noted } = await openPicture();
    for (const mode of ["slider", "grid", "maps", "flip"]) {
      const press = viewer.locator(`.modes [data-mode="${mode}"]`);
      if (await press.count() > 0) await press.click();
      await page.waitForTimeout(150);
    }
    for (const key of ["1", "2", "Space", "d", "ArrowRight", "+", "-", "c", "w"]) await page.keyboard.press(key);
    await page.locator(".all-pictures").evaluateAll(all => { for (const grid of all) grid.open = true; });
    for (let at = 0; at < 40; at++) await page.mouse.wheel(0, 600);
    await page.waitForTimeout(300);
    const root = pathToFileURL(site).href + "/";
    assert.ok(noted.requests.length > 5);
    assert.deepEqual(noted.requests.filter(url => !url.startsWith(root) && !url.startsWith("data:")), []);
    assert.deepEqual(noted.messages, []);
    assert.deepEqual(noted.dialogs, []);
  });

  test("strange names are shown as they are, and add nothing to the page", async t => {
    const strange = tasks.flatMap(each => each.rows.map(row => ({ each, row }))).filter(({ row }) => /[<>&"']/.test(row.name));
    if (strange.length === 0) return t.skip("no name has signs that mean something in HTML");
    for (const { each, row } of strange) {
      const one = each.pictures.find(any => rowsWith(each, any).includes(row)) ?? each.pictures[0];
      const { page, noted } = await open({ hash: `#${each.id}/${one.id}/${row.id}` });
      const viewer = page.locator(`.viewer[data-task="${each.id}"]`);
      await viewer.locator(".stage .shown").waitFor();
      assert.equal(await viewer.locator(".caption strong").textContent(), row.name);
      for (const mode of ["slider", "grid", "maps"]) {
        const press = viewer.locator(`.modes [data-mode="${mode}"]`);
        if (await press.count() > 0) await press.click();
      }
      assert.equal(await page.locator(`#${each.id} table.results tbody th`).filter({ hasText: row.name }).count() > 0 || await page.locator(`#${each.id} table.results`).count() === 0, true);
      assert.equal(await page.locator("script").count(), 3, "the page has three scripts: site.js, img-comparison-slider.js and the data");
      assert.equal(await page.locator("body script:not(#mdfData), iframe, object, embed").count(), 0);
      assert.deepEqual(noted.dialogs, []);
      assert.deepEqual(noted.messages, []);
    }
  });

  for (const [name, folder] of [["this site", site], ["a site with 500 pictures of ten losses", large]]) {
    test(`opening ${name} loads less than 2 MB`, { skip: folder === undefined ? "MDF_SITE_LARGE is not set" : false }, async () => {
      const { page, noted } = await open({ folder });
      await page.waitForTimeout(1000);
      const files = new Set(noted.requests.filter(url => url.startsWith("file:")).map(url => fileURLToPath(url.replace(/[?#].*/, ""))));
      const bytes = [...files].reduce((sum, file) => sum + statSync(file).size, 0);
      const pictures = [...files].filter(file => /\.(webp|png|jpe?g)$/.test(file));
      assert.ok(bytes < LARGEST_FIRST_PAINT, `${bytes} bytes in ${files.size} files`);
      const needed = new Set(comparisonOf(folder).tasks.flatMap(neededAtFirst).map(file => join(folder, file)));
      assert.deepEqual(pictures.filter(file => !needed.has(file)), [], "pictures were loaded that are not on the screen");
      console.log(`# ${name}: ${bytes} bytes, ${pictures.length} pictures`);
    });
  }

  test("a large site's viewer lists its pictures, and its grid loads only what is near", { skip: large === undefined ? "MDF_SITE_LARGE is not set" : false }, async () => {
    const of = comparisonOf(large).tasks[0];
    const { page, noted } = await open({ folder: large });
    const viewer = page.locator(`.viewer[data-task="${of.id}"]`);
    assert.equal(await viewer.locator(".picker option").count(), of.pictures.length);
    await viewer.locator(".picker select").selectOption(String(of.pictures.length - 1));
    await viewer.locator(`.stage img.shown[src*="${of.pictures.at(-1).id}"]`).waitFor();
    await page.locator(`#${of.id} .all-pictures`).evaluate(grid => { grid.open = true; });
    await page.waitForTimeout(500);
    assert.ok(noted.requests.length < 500, `${noted.requests.length} requests`);
  });
});
