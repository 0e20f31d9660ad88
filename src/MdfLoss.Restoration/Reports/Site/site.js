// The script of the report of a comparison: it sorts the tables, copies commands, and turns each task's grid of pictures into a viewer.
//
// The page works without it. It is a plain script, because browsers refuse modules in pages that were opened from a file. It is in the
// head without `defer`, so that the class `js` is set before anything is drawn: the style sheet then hides the plain grid, and a browser
// does not load the pictures of a hidden grid.
//
// Names come from the user's experiment and can hold anything, so all text goes through `append` and `textContent`, never into HTML.

"use strict";

document.documentElement.classList.add("js");

(() => {
  // What a viewer can show besides the results of the losses. "~" cannot be in the id of a row, so these never clash with one.
  const REFERENCE = "~reference";
  const DISTORTED = "~distorted";
  // In an address: no row is chosen.
  const NO_ROWS = "~none";
  // The number of scores beside a picture.
  const SHOWN_SCORES = 3;
  // Keys that nothing on the page has the focus for are for a viewer of which at least this share is on the screen.
  const SHARE_FOR_KEYS = 0.5;
  const MODES = [["flip", "Flip"], ["slider", "Slider"], ["grid", "Grid"], ["maps", "Error maps"]];
  const ZOOMS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16];
  const LARGEST_ZOOM = 16;
  // With more pictures than this, a list of names replaces the strip of thumbnails.
  const LARGEST_STRIP = 24;
  // The keys 1 to 9 and 0.
  const NUMBER_KEYS = "1234567890";
  const WHEEL_STEP = 40;
  const PINCH_STEP = 1.25;
  // A touch that moves less than this is a tap.
  const TAP = 6;

  // ---------------------------------------------------------------- elements

  /** Creates an element. Strings among the children become text. */
  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  /** A button. */
  function button(properties, ...children) {
    return make("button", { type: "button", ...properties }, ...children);
  }

  /** A name, kept apart from the direction of the text around it: names may be Arabic or Hebrew. */
  function nameText(name) {
    return make("bdi", {}, name);
  }

  /** An option of a select. */
  function option(value, text) {
    return make("option", { value, dir: "auto" }, text);
  }

  /** A label with a text before its control. */
  function labelled(text, control) {
    return make("label", { className: "labelled" }, make("span", {}, text), control);
  }

  const limit = (value, low, high) => Math.min(high, Math.max(low, value));

  // ---------------------------------------------------------------- tables

  const collator = new Intl.Collator("en", { numeric: true });

  /** What a cell sorts by: its number if it has one; undefined for a cell without a result. */
  function sortKey(cell) {
    if (cell.tagName === "TH") return (cell.querySelector("bdi") ?? cell).textContent.trim();
    return cell.dataset.value === undefined ? undefined : Number(cell.dataset.value);
  }

  /** Orders two cells. Cells without a result stay last in both directions. */
  function compareCells(left, right, direction) {
    const [a, b] = [sortKey(left), sortKey(right)];
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return direction * (typeof a === "number" ? a - b : collator.compare(a, b));
  }

  /** Sorts the rows of a table by a column. */
  function sortBy(table, column, ascending) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    rows.sort((a, b) => compareCells(a.cells[column], b.cells[column], ascending ? 1 : -1));
    body.append(...rows);
    for (const [index, header] of [...table.tHead.rows[0].cells].entries()) {
      header.setAttribute("aria-sort", index !== column ? "none" : ascending ? "ascending" : "descending");
    }
  }

  /** Puts the rows of a table back into their first order. */
  function restoreOrder(table, rows) {
    table.tBodies[0].append(...rows);
    for (const header of table.tHead.rows[0].cells) header.setAttribute("aria-sort", "none");
  }

  /** Turns the headings of a table into buttons that sort. The first press puts the best on top, the second the worst, the third restores the order. */
  function makeSortable(table) {
    const rows = [...table.tBodies[0].rows];
    for (const [column, header] of [...table.tHead.rows[0].cells].entries()) {
      const sort = button({ className: "sort", title: "Sort by this column" });
      sort.append(...header.childNodes);
      header.append(sort);
      header.setAttribute("aria-sort", "none");
      sort.addEventListener("click", () => {
        const bestFirst = header.dataset.better === "high" ? "descending" : "ascending";
        const before = header.getAttribute("aria-sort");
        if (before !== "none" && before !== bestFirst) restoreOrder(table, rows);
        else sortBy(table, column, (bestFirst === "ascending") !== (before === bestFirst));
      });
    }
  }

  // ---------------------------------------------------------------- commands

  /** Copies text. The old way is for browsers that refuse the clipboard to pages opened from a file. */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = make("textarea", { value: text, className: "visually-hidden" });
      document.body.append(field);
      field.select();
      const copied = document.execCommand("copy");
      field.remove();
      return copied;
    }
  }

  /** Adds a button that copies the commands. */
  function addCopyButton(commands) {
    const state = make("span", { role: "status" }, "Copy");
    const press = button({ className: "copy" }, state);
    press.addEventListener("click", async () => {
      state.textContent = await copy(commands.textContent.trim()) ? "Copied" : "Select the text and copy it";
      setTimeout(() => { state.textContent = "Copy"; }, 2000);
    });
    commands.before(press);
  }

  // ---------------------------------------------------------------- frames

  /** The picture of a file, or a text where there is none. `ready` is fulfilled when it can be drawn without delay. */
  function makeLayer(source) {
    if (source === undefined) return { element: make("p", { className: "layer message" }, "No result"), ready: Promise.resolve() };
    // decoding: sync, because a flip must change the picture and its name in the same frame.
    const image = make("img", { className: "layer", alt: "", draggable: false, decoding: "sync", src: source });
    const layer = { element: image };
    layer.ready = image.decode().catch(() => {
      layer.element = make("p", { className: "layer message" }, "The file of this picture cannot be shown");
      image.replaceWith(layer.element);
    });
    return layer;
  }

  /**
   * A window onto a picture. It can hold several pictures on top of each other, of which it shows one. All are at the same place, which
   * the style properties --x, --y, --width and --height of the stage give.
   */
  class Frame {
    constructor() {
      this.element = make("div", { className: "frame" });
      this.layers = new Map();
    }

    /** Begins to load a picture. */
    load(source) {
      let layer = this.layers.get(source);
      if (layer === undefined) {
        layer = makeLayer(source);
        this.layers.set(source, layer);
        this.element.append(layer.element);
      }
      return layer;
    }

    /** Shows a picture once it can be drawn. Returns false if another was asked for in the meantime. */
    async show(source) {
      this.wanted = { source };
      const wanted = this.wanted;
      await this.load(source).ready;
      if (this.wanted !== wanted) return false;
      const shown = this.layers.get(source);
      for (const layer of this.layers.values()) layer.element.classList.toggle("shown", layer === shown);
      return true;
    }

    /** Shows a picture and drops all others. `atOnce`: drops them before it can be drawn, because they do not fit its place. */
    async replace(source, atOnce) {
      if (atOnce) this.keep([source]);
      if (await this.show(source)) this.keep([source]);
    }

    /** Drops all pictures but these. */
    keep(sources) {
      for (const [source, layer] of this.layers) {
        if (sources.includes(source)) continue;
        layer.element.remove();
        this.layers.delete(source);
      }
    }
  }

  /** One dimension of a picture in a frame: where it begins, and which of its places is in the middle of the frame. */
  function placeAlong(frame, size, scale, middle) {
    const length = size * scale;
    // A picture smaller than the frame is in its middle. A larger one leaves no gap at the edges.
    const begin = length <= frame ? (frame - length) / 2 : limit(frame / 2 - middle * scale, frame - length, 0);
    // Whole pixels of the screen, so that all pixels of a picture get the same size.
    const snapped = Math.round(begin * devicePixelRatio) / devicePixelRatio;
    return { begin: snapped, middle: length <= frame ? size / 2 : (frame / 2 - begin) / scale };
  }

  /** The largest whole zoom at which an area fits in a frame. */
  function zoomToFit(area, frame) {
    const across = frame.clientWidth * devicePixelRatio / area.width;
    const down = frame.clientHeight * devicePixelRatio / area.height;
    return limit(Math.floor(Math.min(across, down)), 1, LARGEST_ZOOM);
  }

  // ---------------------------------------------------------------- the viewer

  /** The viewer of one task. `state` says what is shown; `change` changes it, and everything on the screen follows from it. */
  class Viewer {
    constructor(root, task, mapColours) {
      this.root = root;
      this.task = task;
      this.mapColours = mapColours;
      this.awake = false;
      this.view = { zoom: 1, x: 0, y: 0, fit: "crop" };
      this.state = {
        picture: task.pictures[0],
        chosen: new Set(task.rows.slice(0, NUMBER_KEYS.length).map(row => row.id)),
        mode: "flip",
        shown: task.rows[0]?.id ?? REFERENCE,
        back: undefined,
        map: task.maps?.[0]?.id,
        left: task.rows[0]?.id ?? REFERENCE,
        right: task.rows[1]?.id ?? DISTORTED,
      };
      this.frames = [];
      this.cells = [];
      this.flip = new Frame();
      this.build();
      this.render();
    }

    // ---- names and files

    /** The name of what can be shown. */
    nameOf(id) {
      if (id === REFERENCE) return "Reference";
      if (id === DISTORTED) return "Distorted input";
      return this.task.rows.find(row => row.id === id).name;
    }

    /** The scores of a row for the current picture, as elements. While error maps are shown, that of the map comes first. */
    scoresOf(id) {
      const { picture, mode, map } = this.state;
      if (id !== REFERENCE && this.fileOf(id) === undefined) return ["no result"];
      const texts = id === DISTORTED ? picture.inputScores : picture.scores?.[id];
      if (texts === undefined || texts === null) return [];
      const scores = (this.task.measures ?? []).map((measure, index) => ({ measure, text: texts[index] })).filter(({ text }) => typeof text === "string");
      const ofMap = mode === "maps" ? scores.filter(({ measure }) => measure.id === map) : [];
      return [...ofMap, ...scores.filter(score => !ofMap.includes(score))].slice(0, SHOWN_SCORES).flatMap(({ measure, text }, index) => [
        index === 0 ? "" : ", ", make("span", { className: "score" }, `${measure.title} ${text}`),
      ]);
    }

    /** The file of what can be shown, or of its error map; undefined if there is none. */
    fileOf(id, map) {
      const { picture } = this.state;
      const file = id === REFERENCE ? picture.reference
        : id === DISTORTED ? picture.distorted
          : map === undefined ? fileIn(picture.images, id) : undefined;
      const shown = map === undefined || id === REFERENCE ? file : this.mapOf(id, map);
      return shown === undefined ? undefined : (picture.folder ?? "") + shown;
    }

    /** The file of an error map; undefined if there is none. */
    mapOf(id, map) {
      const of = this.state.picture.maps?.[map];
      if (id === DISTORTED) return of?.hasInput ? `original/${map}.webp` : undefined;
      return of === undefined ? undefined : fileIn(of.rows ?? this.state.picture.images, id, `${map}/`);
    }

    /** The chosen rows, in the order of the tables. */
    chosenRows() {
      return this.task.rows.map(row => row.id).filter(id => this.state.chosen.has(id));
    }

    // ---- changes

    /** Changes what is shown, because the user asked for it: the address follows. */
    change(changes) {
      this.apply(changes);
      lastUsed = this;
      history.replaceState(null, "", addressOf(this));
    }

    /** Changes what is shown. */
    apply(changes) {
      const before = this.state;
      this.state = { ...before, ...changes };
      if (this.state.picture !== before.picture) this.view.fit = "crop";
      this.correctShown();
      this.render();
    }

    /** What is shown must be among the chosen rows. */
    correctShown() {
      const { shown, chosen } = this.state;
      if (shown === REFERENCE || shown === DISTORTED || chosen.has(shown)) return;
      this.state.shown = this.chosenRows()[0] ?? REFERENCE;
    }

    /** Shows one thing alone and large. */
    show(id) {
      const { shown, chosen } = this.state;
      const isRow = each => each !== REFERENCE && each !== DISTORTED;
      this.change({
        mode: "flip",
        modeBack: isRow(id) ? undefined : this.state.modeBack,
        shown: id,
        back: isRow(shown) ? shown : this.state.back,
        chosen: isRow(id) ? new Set([...chosen, id]) : chosen,
      });
    }

    /** Shows the reference or the input alone, or goes back to what was shown before. */
    toggle(id) {
      const { shown, mode, modeBack } = this.state;
      if (mode !== "flip") {
        const hadFocus = this.slider?.contains(document.activeElement) ?? false;
        this.show(id);
        this.state.modeBack = { mode, hadFocus };
      } else if (shown !== id) {
        this.show(id);
      } else if (modeBack !== undefined) {
        this.change({ mode: modeBack.mode, modeBack: undefined, shown: this.lastRow() });
        if (modeBack.hadFocus) this.slider.focus();
      } else {
        this.show(this.lastRow());
      }
    }

    /** The row that was shown last; the reference if none is chosen. */
    lastRow() {
      const { shown, back, chosen } = this.state;
      return [shown, back].find(id => chosen.has(id)) ?? this.chosenRows()[0] ?? REFERENCE;
    }

    /** Goes to the next or the previous picture; after the last comes the first. */
    step(by) {
      const { pictures } = this.task;
      const index = pictures.indexOf(this.state.picture) + by;
      this.change({ picture: pictures[(index + pictures.length) % pictures.length] });
    }

    // ---- zoom and place

    /** The next larger or smaller zoom. `at` is the place on the screen that stays where it is; without it, the middle does. */
    zoom(by, at) {
      const { zoom } = this.view;
      const next = by > 0 ? ZOOMS.find(value => value > zoom) : ZOOMS.findLast(value => value < zoom);
      if (next === undefined || this.frames.length === 0) return;
      const frame = (at?.frame ?? this.frames[0].element).getBoundingClientRect();
      const across = at === undefined ? 0 : at.x - frame.left - frame.width / 2;
      const down = at === undefined ? 0 : at.y - frame.top - frame.height / 2;
      // The place of the picture that is under the pointer has the same distance from the middle, in pixels of the screen, before and after.
      const change = devicePixelRatio / zoom - devicePixelRatio / next;
      this.view = { zoom: next, x: this.view.x + across * change, y: this.view.y + down * change, fit: undefined };
      this.place();
    }

    /** Moves the picture by pixels of the screen. */
    pan(across, down) {
      const scale = this.view.zoom / devicePixelRatio;
      this.view.x -= across / scale;
      this.view.y -= down / scale;
      this.view.fit = undefined;
      this.place();
    }

    /** Shows an area as large as possible: "crop", where the losses differ most, or the "whole" of what the page has of the picture. */
    fit(area) {
      this.view.fit = area;
      this.place();
    }

    /** The area of a picture that `fit` names. */
    areaOf(picture) {
      const whole = { x: 0, y: 0, width: picture.width, height: picture.height };
      return this.view.fit === "crop" ? picture.crop ?? whole : whole;
    }

    /** Puts the picture in its place in all frames at once. */
    place() {
      const picture = this.placed;
      const frame = this.frames[0]?.element;
      if (picture === undefined || frame === undefined || frame.clientWidth === 0) return;
      const { view } = this;
      if (view.fit !== undefined) {
        const area = this.areaOf(picture);
        Object.assign(view, { zoom: zoomToFit(area, frame), x: area.x + area.width / 2, y: area.y + area.height / 2 });
      }
      const scale = view.zoom / devicePixelRatio;
      const across = placeAlong(frame.clientWidth, picture.width, scale, view.x);
      const down = placeAlong(frame.clientHeight, picture.height, scale, view.y);
      [view.x, view.y] = [across.middle, down.middle];
      this.setPlace({ x: across.begin, y: down.begin, width: picture.width * scale, height: picture.height * scale });
      this.zoomText.textContent = `${view.zoom}×`;
      this.smaller.disabled = view.zoom <= 1;
      this.larger.disabled = view.zoom >= LARGEST_ZOOM;
    }

    setPlace(place) {
      for (const [name, value] of Object.entries(place)) this.stage.style.setProperty(`--${name}`, `${value}px`);
    }

    // ---- the parts of the viewer

    /** Creates the elements that stay. */
    build() {
      this.caption = make("p", { className: "caption", "aria-live": "polite" });
      this.stage = make("div", { className: "stage", tabIndex: 0, role: "group", "aria-label": `Stage: ${this.task.title}` });
      this.list = make("ul", { className: "choices" });
      const main = make("div", { className: "main" },
        make("div", { className: "show" }, this.caption, this.buildSides(), this.stage, this.buildTitle()),
        make("div", { className: "side", role: "group", "aria-label": "Losses shown" }, this.list));
      this.root.append(this.buildPicker(), this.buildTools(), main, buildHelp());
      this.buildList();
      this.followPointer();
      new ResizeObserver(() => this.place()).observe(this.stage);
    }

    /** The choice of the picture: a strip of thumbnails, or a list of names if there are many pictures. */
    buildPicker() {
      const { pictures } = this.task;
      this.thumbnails = new Map();
      if (pictures.length > LARGEST_STRIP) {
        this.pictureSelect = make("select", {}, ...pictures.map((picture, index) => option(index, picture.title)));
        this.pictureSelect.addEventListener("change", () => this.change({ picture: pictures[this.pictureSelect.value] }));
        return make("div", { className: "picker" }, labelled("Picture", this.pictureSelect));
      }
      return make("ul", { className: "picker strip", "aria-label": "Pictures" }, ...pictures.map(picture => this.buildThumbnail(picture)));
    }

    buildThumbnail(picture) {
      const { width, height } = picture;
      const image = make("img", { alt: "", loading: "lazy", decoding: "async", width, height, src: (picture.folder ?? "") + picture.reference });
      const press = button({ className: "thumbnail", title: picture.title }, image, make("span", {}, nameText(picture.title)));
      press.addEventListener("click", event => this.chosenBy(event, { picture }));
      this.thumbnails.set(picture, press);
      return make("li", {}, press);
    }

    /** The name of the picture, whom it is from, and which part of it is shown, below the stage. */
    buildTitle() {
      this.pictureName = make("strong");
      this.credit = make("span", { className: "credit" });
      this.about = make("span", { className: "about" });
      return make("p", { className: "title" }, this.pictureName, " ", this.credit, " ", this.about);
    }

    buildTools() {
      this.mapSelect = make("select", {}, ...(this.task.maps ?? []).map(map => option(map.id, map.name)));
      this.mapSelect.addEventListener("change", () => this.change({ map: this.mapSelect.value }));
      this.mapLabel = labelled("Map", this.mapSelect);
      this.brightest = make("span", {});
      const bar = make("span", { className: "scale", "aria-hidden": "true" });
      bar.style.background = `linear-gradient(to right, ${this.mapColours.join(", ")})`;
      this.mapScale = make("span", { className: "map-scale" }, "0", bar, this.brightest);
      return make("div", { className: "tools" }, this.buildModes(), this.mapLabel, this.mapScale, this.buildSteps(), this.buildZoom());
    }

    buildSteps() {
      this.position = make("span", { className: "position" });
      const previous = button({ className: "previous", "aria-label": "Previous picture" }, "‹");
      const next = button({ className: "next", "aria-label": "Next picture" }, "›");
      previous.addEventListener("click", () => this.step(-1));
      next.addEventListener("click", () => this.step(1));
      return make("div", { className: "steps", hidden: this.task.pictures.length < 2 }, previous, this.position, next);
    }

    buildModes() {
      this.modes = new Map();
      const group = make("div", { className: "modes", role: "group", "aria-label": "Comparison mode" });
      for (const [mode, text] of MODES) {
        if (mode === "maps" && !this.task.maps?.length) continue;
        // The slider is a file of its own, which may be missing.
        if (mode === "slider" && customElements.get("img-comparison-slider") === undefined) continue;
        const press = button({ "data-mode": mode }, text);
        press.addEventListener("click", event => this.chosenBy(event, { mode, modeBack: undefined }));
        this.modes.set(mode, press);
        group.append(press);
      }
      return group;
    }

    buildZoom() {
      this.smaller = button({ className: "smaller", "aria-label": "Zoom out" }, "−");
      this.larger = button({ className: "larger", "aria-label": "Zoom in" }, "+");
      this.zoomText = make("output", { className: "zoom" }, "1×");
      const whole = button({ className: "whole", title: "Show the whole stored picture" }, "Fit");
      const crop = button({ className: "crop", title: "Go to the place where the losses differ most" }, "Most different");
      this.smaller.addEventListener("click", () => this.zoom(-1));
      this.larger.addEventListener("click", () => this.zoom(1));
      whole.addEventListener("click", () => this.fit("whole"));
      crop.addEventListener("click", () => this.fit("crop"));
      return make("div", { className: "zooms", role: "group", "aria-label": "Zoom" }, this.smaller, this.zoomText, this.larger, whole, crop);
    }

    /** The two choices of the slider, above its sides. */
    buildSides() {
      this.sides = {};
      const line = make("div", { className: "sides" });
      for (const [side, text] of [["left", "Left"], ["right", "Right"]]) {
        const ids = [...this.task.rows.map(row => row.id), REFERENCE, DISTORTED];
        const select = make("select", { className: side }, ...ids.map(id => option(id, this.nameOf(id))));
        const scores = make("span", { className: "scores" });
        select.addEventListener("change", () => this.change({ [side]: select.value }));
        this.sides[side] = { select, scores, frame: new Frame() };
        line.append(make("div", { className: "of-side" }, labelled(text, select), scores));
      }
      return line;
    }

    /** The list of what can be shown: what is checked belongs to the comparison, a press on a name shows it alone. */
    buildList() {
      this.choices = new Map();
      for (const id of [REFERENCE, DISTORTED, ...this.task.rows.map(row => row.id)]) {
        const key = make("kbd", { "aria-hidden": "true" });
        const scores = make("span", { className: "scores" });
        const name = make("span", { className: "name", title: this.nameOf(id) }, nameText(this.nameOf(id)));
        const press = button({ className: "choice" }, key, make("span", { className: "text" }, name, " ", scores));
        press.addEventListener("click", event => this.chosenBy(event, undefined, () => this.show(id)));
        const check = this.buildCheck(id);
        this.choices.set(id, { key, scores, press, check });
        this.list.append(make("li", {}, check ?? "", press));
      }
    }

    /** The box that puts a row into the comparison. The reference and the input always belong to it. */
    buildCheck(id) {
      if (id === REFERENCE || id === DISTORTED) return undefined;
      const check = make("input", { type: "checkbox", "aria-label": `Compare ${this.nameOf(id)}` });
      check.addEventListener("change", () => {
        const chosen = new Set(this.state.chosen);
        if (check.checked) chosen.add(id);
        else chosen.delete(id);
        this.change({ chosen });
      });
      return check;
    }

    /** A choice with the pointer moves the focus to the stage, so that the next key flips instead of pressing the button again. */
    chosenBy(event, changes, action = () => this.change(changes)) {
      action();
      if (event.detail > 0) this.stage.focus({ preventScroll: true });
    }

    // ---- from the state to the screen

    render() {
      const { mode, picture } = this.state;
      this.root.dataset.mode = mode;
      this.root.style.setProperty("--aspect", aspectOf(picture.crop ?? picture));
      this.renderPicture();
      this.renderTools();
      this.renderList();
      if (!this.awake) return;
      if (mode === "flip") this.renderFlip();
      else if (mode === "slider") this.renderSlider();
      else this.renderGrid();
    }

    renderPicture() {
      const { pictures } = this.task;
      const { picture } = this.state;
      if (this.pictureOnScreen === picture) return;
      this.pictureOnScreen = picture;
      markForPrint(this.root, picture);
      const index = pictures.indexOf(picture);
      this.pictureName.replaceChildren(nameText(picture.title));
      this.pictureName.title = picture.title;
      this.credit.textContent = picture.credit ?? "";
      this.about.textContent = noteOf(this.root, picture);
      this.position.textContent = `${index + 1} of ${pictures.length}`;
      if (this.pictureSelect !== undefined) this.pictureSelect.value = index;
      for (const [of, press] of this.thumbnails) press.setAttribute("aria-pressed", of === picture);
      const thumbnail = this.thumbnails.get(picture)?.parentElement;
      if (thumbnail !== undefined) scrollToShow(thumbnail);
    }

    renderTools() {
      const { mode, map, picture } = this.state;
      for (const [of, press] of this.modes) press.setAttribute("aria-pressed", of === mode);
      const brightest = picture.maps?.[map]?.brightest;
      this.mapLabel.hidden = mode !== "maps";
      this.mapScale.hidden = mode !== "maps" || brightest === undefined;
      this.mapSelect.value = map;
      this.brightest.textContent = `≥ ${brightest}; one scale for all losses of this picture`;
    }

    renderList() {
      const { mode, shown, chosen } = this.state;
      const rows = this.chosenRows();
      for (const [id, { key, scores, press, check }] of this.choices) {
        const number = rows.indexOf(id);
        key.textContent = id === REFERENCE ? "Space" : id === DISTORTED ? "d" : NUMBER_KEYS[number] ?? "";
        scores.replaceChildren(...this.scoresOf(id));
        press.setAttribute("aria-pressed", mode === "flip" && id === shown);
        if (check !== undefined) check.checked = chosen.has(id);
      }
    }

    /** Puts what belongs to a mode on the stage, unless it is there already. */
    setStage(frames, ...content) {
      if (this.frames[0] === frames[0] && this.frames.length === frames.length) return;
      this.frames = frames;
      // What leaves the page would take the focus with it, and the next key would go nowhere.
      const hadFocus = this.stage !== document.activeElement && this.stage.contains(document.activeElement);
      this.stage.replaceChildren(...content);
      if (hadFocus) this.stage.focus({ preventScroll: true });
    }

    async renderFlip() {
      const { picture, shown } = this.state;
      this.setStage([this.flip], this.flip.element);
      // The old picture stays until the new one can be drawn: nothing flashes. The name changes with it.
      if (!await this.flip.show(this.fileOf(shown)) || this.state.picture !== picture || this.state.mode !== "flip") return;
      this.placed = picture;
      this.place();
      this.flip.element.dataset.shown = shown;
      this.caption.replaceChildren(
        make("strong", { title: this.nameOf(shown) }, nameText(this.nameOf(shown))), " ",
        make("span", { className: "scores" }, ...this.scoresOf(shown)));
      this.flip.keep(this.filesToFlip());
      this.preload();
    }

    filesToFlip() {
      return [...new Set([...this.chosenRows(), REFERENCE, DISTORTED, this.state.shown].map(id => this.fileOf(id)))];
    }

    /** Loads what the keys can show. Only once the reader has begun to use the page, so that it opens quickly. */
    preload() {
      if (!readerIsActive || !this.awake || this.state.mode !== "flip") return;
      for (const file of this.filesToFlip()) this.flip.load(file);
    }

    renderSlider() {
      const { picture } = this.state;
      const { left, right } = this.sides;
      this.slider ??= makeSlider(left.frame, right.frame);
      this.setStage([left.frame, right.frame], this.slider);
      const [first, second] = [this.nameOf(this.state.left), this.nameOf(this.state.right)];
      this.slider.setAttribute("aria-label", `Divider between ${first} and ${second}`);
      const isOther = this.placed !== picture;
      this.placed = picture;
      this.place();
      for (const [side, { select, scores, frame }] of Object.entries(this.sides)) {
        const id = this.state[side];
        select.value = id;
        select.title = this.nameOf(id);
        scores.replaceChildren(...this.scoresOf(id));
        frame.replace(this.fileOf(id), isOther);
      }
    }

    /** The grid of results, and that of error maps. The reference is in both, because it says what one sees. */
    renderGrid() {
      const { picture, mode, map } = this.state;
      const withInput = mode !== "maps" || picture.maps?.[map]?.hasInput;
      const ids = [REFERENCE, ...(withInput ? [DISTORTED] : []), ...this.chosenRows()];
      const content = `${mode} ${ids}`;
      if (this.gridContent !== content) this.buildGrid(ids);
      this.gridContent = content;
      this.setStage(this.cells.map(cell => cell.frame), ...this.cells.map(cell => cell.figure));
      const isOther = this.placed !== picture;
      this.placed = picture;
      this.place();
      for (const { id, frame, scores } of this.cells) {
        const file = this.fileOf(id, mode === "maps" ? map : undefined);
        scores.replaceChildren(...this.scoresOf(id));
        frame.replace(file, isOther);
      }
    }

    /** The cells of the grid. Those that were in it before stay as they are, so that their pictures do not flash. */
    buildGrid(ids) {
      const before = new Map(this.cells.map(cell => [cell.id, cell]));
      this.cells = ids.map(id => before.get(id) ?? this.buildCell(id));
      this.frames = [];
    }

    buildCell(id) {
      const frame = new Frame();
      const scores = make("span", { className: "scores" });
      const name = make("span", { className: "name", title: this.nameOf(id) }, nameText(this.nameOf(id)));
      const figure = make("figure", { "data-row": id }, frame.element, make("figcaption", {}, name, " ", scores));
      return { id, frame, scores, figure };
    }

    // ---- pointer and keys

    followPointer() {
      const pointers = new Map();
      const { stage } = this;
      let frame;
      stage.addEventListener("pointerdown", event => {
        const under = event.target.closest(".frame");
        if (event.button !== 0 || under === null || this.isOnHandle(event)) return;
        frame = under;
        pointers.set(event.pointerId, event);
        stage.setPointerCapture(event.pointerId);
        stage.classList.add("dragged");
      });
      stage.addEventListener("pointermove", event => {
        const before = pointers.get(event.pointerId);
        if (before === undefined) return;
        if (pointers.size === 1) this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
        const other = [...pointers.values()].find(each => each.pointerId !== event.pointerId);
        if (other === undefined || this.pinch(before, event, other, frame)) pointers.set(event.pointerId, event);
      });
      this.followTaps();
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
        stage.addEventListener(end, event => {
          pointers.delete(event.pointerId);
          if (pointers.size === 0) stage.classList.remove("dragged");
        });
      }
      this.followWheel();
    }

    /** A tap on the stage shows the next loss: a telephone has no number keys. */
    followTaps() {
      let begin;
      this.stage.addEventListener("pointerdown", event => { begin = event.pointerType === "touch" && event.isPrimary ? event : undefined; });
      this.stage.addEventListener("pointerup", event => {
        if (begin === undefined || this.state.mode !== "flip") return;
        if (Math.hypot(event.clientX - begin.clientX, event.clientY - begin.clientY) > TAP) return;
        this.stepRow(1);
      });
    }

    /** Two fingers: zooms one step each time their distance has changed by a part. Returns whether it did. */
    pinch(before, now, other, frame) {
      const distance = point => Math.hypot(point.clientX - other.clientX, point.clientY - other.clientY);
      const ratio = distance(now) / Math.max(1, distance(before));
      if (ratio < PINCH_STEP && ratio > 1 / PINCH_STEP) return false;
      this.zoom(ratio > 1 ? 1 : -1, { x: (now.clientX + other.clientX) / 2, y: (now.clientY + other.clientY) / 2, frame });
      return true;
    }

    /** The wheel with ctrl zooms, which is also what two fingers on a touch pad send. Without ctrl it scrolls the page as ever. */
    followWheel() {
      let turned = 0;
      this.stage.addEventListener("wheel", event => {
        const frame = event.target.closest(".frame");
        if (!event.ctrlKey || frame === null) return;
        event.preventDefault();
        // A mouse sends few large turns, a touch pad many small ones.
        turned += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : WHEEL_STEP * Math.sign(event.deltaY);
        if (Math.abs(turned) < WHEEL_STEP) return;
        this.zoom(turned < 0 ? 1 : -1, { x: event.clientX, y: event.clientY, frame });
        turned = 0;
      }, { passive: false });
    }

    /** Whether a pointer is on the handle of the slider, which moves the divider and not the picture. */
    isOnHandle(event) {
      if (this.state.mode !== "slider") return false;
      const { left, width } = this.slider.getBoundingClientRect();
      return Math.abs(event.clientX - left - width * this.slider.value / 100) <= 26;
    }

    /** Does what a key means. Returns false for a key without a meaning. */
    press(event) {
      const number = NUMBER_KEYS.indexOf(event.key);
      if (event.key.length === 1 && number >= 0) return this.pressNumber(number);
      const action = (event.shiftKey ? this.shiftKeys : this.keys)[event.key];
      if (action === undefined) return false;
      action();
      return true;
    }

    /** A number shows a loss alone; in the slider, at its right side. */
    pressNumber(number) {
      const row = this.chosenRows()[number];
      if (row === undefined) return false;
      if (this.state.mode === "slider") this.change({ right: row });
      else this.show(row);
      return true;
    }

    /** Shows the next or the previous loss alone. */
    stepRow(by) {
      const rows = this.chosenRows();
      if (rows.length > 0) this.show(rows[(rows.indexOf(this.lastRow()) + by + rows.length) % rows.length]);
    }

    keys = {
      " ": () => this.toggle(REFERENCE),
      d: () => this.toggle(DISTORTED),
      c: () => this.fit("crop"),
      w: () => this.fit("whole"),
      "+": () => this.zoom(1),
      "=": () => this.zoom(1),
      "-": () => this.zoom(-1),
      n: () => this.stepRow(1),
      p: () => this.stepRow(-1),
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
    };

    // "+" needs the shift key on many keyboards.
    shiftKeys = {
      "+": () => this.zoom(1),
      "*": () => this.zoom(1),
      _: () => this.zoom(-1),
      ArrowLeft: () => this.pan(40, 0),
      ArrowRight: () => this.pan(-40, 0),
      ArrowUp: () => this.pan(0, 40),
      ArrowDown: () => this.pan(0, -40),
    };
  }

  /**
   * The file of a row among a picture's files; undefined if it has none. Instead of files by row there can be a list of rows, whose files
   * then have the usual names: this keeps a page with many pictures small.
   */
  function fileIn(files, row, folder = "") {
    return Array.isArray(files) ? files.includes(row) ? `${folder}${row}.webp` : undefined : files?.[row];
  }

  /** The shape of an area, within what a grid of crops can use. */
  function aspectOf({ width, height }) {
    return limit(width / height, 0.5, 2.5).toFixed(4);
  }

  /** Scrolls a strip, and nothing but the strip, so that an item in it can be seen. */
  function scrollToShow(item) {
    const strip = item.parentElement;
    const [begin, end] = [item.offsetLeft, item.offsetLeft + item.offsetWidth];
    if (begin < strip.scrollLeft) strip.scrollLeft = begin;
    else if (end > strip.scrollLeft + strip.clientWidth) strip.scrollLeft = end - strip.clientWidth;
  }

  /** The slider. Its divider is dragged by the handle, because a drag elsewhere moves the picture. */
  function makeSlider(left, right) {
    const slider = make("img-comparison-slider", {
      role: "slider", "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 50,
    });
    slider.setAttribute("handle", "true");
    left.element.slot = "first";
    right.element.slot = "second";
    slider.append(left.element, right.element);
    const say = () => slider.setAttribute("aria-valuenow", Math.round(slider.value));
    slider.addEventListener("slide", say);
    slider.addEventListener("keydown", event => {
      if (event.key !== "Home" && event.key !== "End") return;
      event.preventDefault();
      slider.value = event.key === "Home" ? 0 : 100;
      say();
    });
    return slider;
  }

  /** The list of keys. */
  function buildHelp() {
    const lines = [
      ["1 … 9, 0", "show a loss; in the slider, at its right side"], ["n, p", "the next, the previous loss"],
      ["Space", "the reference, and back"], ["d", "the distorted input, and back"], ["Tap", "the next loss (Flip)"],
      ["← →", "the previous, the next picture; in the slider: move the divider"], ["+ −", "zoom; also the wheel with Ctrl"],
      ["Shift with an arrow", "move the picture; also by dragging it"], ["c", "go to the place where the losses differ most"], ["w", "show the whole stored picture"],
    ];
    return make("details", { className: "help" }, make("summary", {}, "Keyboard shortcuts"),
      make("dl", {}, ...lines.map(([key, text]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)))));
  }

  // ---------------------------------------------------------------- the page

  const viewers = new Map();
  let lastUsed;
  let readerIsActive = false;

  /**
   * The address of what a viewer shows: #TASK/PICTURE/ROW,ROW, then /MODE unless it flips, and what the mode shows: the row that is flipped
   * to, unless it is the first one, or the kind of the error map.
   */
  function addressOf(viewer) {
    const { picture, mode, left, right, shown, map } = viewer.state;
    const chosen = viewer.chosenRows();
    const rows = mode === "slider" ? [left, right] : chosen.length === 0 ? [NO_ROWS] : chosen;
    const end = mode === "maps" ? [mode, map] : mode !== "flip" ? [mode] : shown === (chosen[0] ?? REFERENCE) ? [] : [mode, shown];
    return `#${[viewer.task.id, picture.id, rows.join(","), ...end].join("/")}`;
  }

  /** The parts of an address. One that cannot be decoded is no address of ours. */
  function readAddress(hash) {
    try {
      return hash.slice(1).split("/").map(decodeURIComponent);
    } catch {
      return [];
    }
  }

  /** Shows what the address asks for. Whatever it says that does not exist is ignored: the results may have changed since. */
  function followAddress() {
    const [task, picture, rows, mode, detail] = readAddress(location.hash);
    const viewer = viewers.get(task);
    if (viewer === undefined || picture === undefined) return;
    viewer.apply(changesFor(viewer, picture, rows, mode, detail));
    lastUsed = viewer;
    viewer.root.scrollIntoView();
    wake(viewer);
  }

  function changesFor(viewer, pictureId, rows, mode, detail) {
    const changes = { mode: viewer.modes.has(mode) ? mode : "flip", modeBack: undefined };
    const picture = viewer.task.pictures.find(each => each.id === pictureId);
    if (picture !== undefined) changes.picture = picture;
    const asked = (rows ?? "").split(",");
    const known = asked.filter(id => viewer.task.rows.some(row => row.id === id));
    if (changes.mode === "slider") return Object.assign(changes, sidesFor(viewer, asked));
    if (known.length > 0) Object.assign(changes, { chosen: new Set(known), shown: known[0] });
    if (asked.includes(NO_ROWS)) Object.assign(changes, { chosen: new Set(), shown: REFERENCE });
    return Object.assign(changes, detailFor(viewer, changes, detail));
  }

  /** What a mode shows: the row that is flipped to, or the kind of the error map. */
  function detailFor(viewer, { mode, chosen = viewer.state.chosen }, detail) {
    if (mode === "flip" && ([REFERENCE, DISTORTED].includes(detail) || chosen.has(detail))) return { shown: detail };
    return mode === "maps" && viewer.task.maps?.some(map => map.id === detail) ? { map: detail } : {};
  }

  /** The two sides of the slider. */
  function sidesFor(viewer, asked) {
    const [left, right] = asked.filter(id => viewer.choices.has(id));
    return { ...(left === undefined ? {} : { left }), ...(right === undefined ? {} : { right }) };
  }

  /** Lets a viewer load pictures. Before that it has none: a page can have many tasks. */
  function wake(viewer) {
    if (viewer.awake) return;
    viewer.awake = true;
    viewer.render();
  }

  /** Wakes each viewer when it comes near the screen. */
  function watchViewers() {
    const observer = new IntersectionObserver(entries => {
      for (const entry of entries) {
        if (entry.isIntersecting) wake(viewers.get(entry.target.dataset.task));
      }
    }, { rootMargin: "200px" });
    for (const viewer of viewers.values()) observer.observe(viewer.root);
  }

  /** How much of a stage is on the screen, in pixels. */
  function visibleHeight(viewer) {
    const { top, bottom } = viewer.stage.getBoundingClientRect();
    return Math.min(bottom, innerHeight) - Math.max(top, 0);
  }

  /** The viewer that keys are for: the one with the focus, or, if nothing has it, the last used or else most visible on the screen. */
  function viewerForKeys(target) {
    const root = target.closest?.(".viewer");
    if (root) return viewers.get(root.dataset.task);
    if (target !== document.body && target !== document.documentElement) return undefined;
    if (lastUsed !== undefined && isSeen(lastUsed)) return lastUsed;
    const [first] = [...viewers.values()].sort((a, b) => visibleHeight(b) - visibleHeight(a));
    return first !== undefined && isSeen(first) ? first : undefined;
  }

  /** Whether enough of a stage is on the screen for keys: a stage higher than the screen can fill half of that. */
  function isSeen(viewer) {
    return visibleHeight(viewer) >= SHARE_FOR_KEYS * Math.min(viewer.stage.offsetHeight, innerHeight);
  }

  /** Whether the focused element has its own use for a key. */
  function ownsKey(target, key) {
    if (target.matches("select, textarea, [contenteditable], input:not([type=checkbox])")) return true;
    if (target.matches("[role=slider]")) return ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key);
    return key === " " && target.matches("button, summary, a, input");
  }

  function followKeys() {
    document.addEventListener("keydown", event => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || ownsKey(event.target, event.key)) return;
      if (viewerForKeys(event.target)?.press(event)) event.preventDefault();
    });
  }

  /** From the reader's first action on, the pictures that a key can show next are loaded before it is pressed. */
  function watchReader() {
    const types = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];
    const begin = () => {
      for (const type of types) removeEventListener(type, begin, true);
      readerIsActive = true;
      for (const viewer of viewers.values()) viewer.preload();
    };
    for (const type of types) addEventListener(type, begin, { capture: true, passive: true });
  }

  /** The plain grid of a viewer's task. */
  function gridOf(root) {
    return root.parentElement.querySelector(".all-pictures");
  }

  /** What the plain grid says about a picture: which part is shown, and of which networks. */
  function noteOf(root, picture) {
    const articles = [...gridOf(root)?.querySelectorAll("[data-picture]") ?? []];
    return articles.find(each => each.dataset.picture === picture.id)?.querySelector(".note")?.textContent ?? "";
  }

  /** Only the current picture's part of the plain grid is printed. */
  function markForPrint(root, picture) {
    for (const part of gridOf(root)?.querySelectorAll("[data-picture]") ?? []) {
      part.classList.toggle("current", part.dataset.picture === picture.id);
    }
  }

  /** Opens the plain grids for the printer, and closes them again if they were closed. */
  function followPrinter() {
    const opened = [];
    const print = matchMedia("print");
    const follow = () => {
      for (const grid of opened.splice(0)) grid.open = false;
      if (!print.matches) return;
      for (const grid of document.querySelectorAll(".all-pictures:not([open])")) {
        grid.open = true;
        opened.push(grid);
        // What is not on the screen would not be loaded in time.
        for (const image of grid.querySelectorAll(".current img")) image.loading = "eager";
      }
    };
    print.addEventListener("change", follow);
  }

  /** Turns the grids of pictures into viewers. */
  function startViewers() {
    const data = document.getElementById("mdfData");
    if (data === null) return;
    const { tasks: all, mapColours } = JSON.parse(data.textContent);
    const tasks = new Map(all.map(task => [task.id, task]));
    for (const root of document.querySelectorAll(".viewer[data-task]")) {
      const task = tasks.get(root.dataset.task);
      if (task === undefined || task.pictures.length === 0) continue;
      viewers.set(task.id, new Viewer(root, task, mapColours));
      const grid = gridOf(root);
      if (grid !== null) grid.open = false;
    }
    watchViewers();
    watchReader();
    followKeys();
    followPrinter();
    followAddress();
    addEventListener("hashchange", followAddress);
  }

  function start() {
    for (const table of document.querySelectorAll("table.results")) makeSortable(table);
    for (const commands of document.querySelectorAll("pre.commands")) addCopyButton(commands);
    try {
      startViewers();
    } finally {
      // From here on the plain grids can be seen, also if there is no viewer; see the style sheet.
      document.documentElement.classList.add("ready");
    }
  }

  document.addEventListener("DOMContentLoaded", start);
})();
