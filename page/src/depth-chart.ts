/** The depth chart: how much waits up to each price, on either side. */

import type { LocalBook } from "../../clients/js/src/index.ts";
import { formatUnits, group } from "./decimals.ts";
import { byId, colour, say } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { quantityText } from "./ladder.ts";
import { rowsOf } from "./levels.ts";
import type { Row } from "./levels.ts";
import { onTheme } from "./theme.ts";

/** A shape changes slowly: more drawings in a second show nothing more. */
const INTERVAL_MS = 250;

const LABELS_PX = 20;

export class DepthChart {
  readonly #canvas = byId<HTMLCanvasElement>("depth-canvas");
  readonly #context = this.#canvas.getContext("2d")!;
  #book: LocalBook | null = null;
  #market: Market | null = null;
  #drawnMs = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pointed: number | null = null;
  #bids: Row[] = [];
  #asks: Row[] = [];

  constructor() {
    new ResizeObserver(() => draw(this.#draw)).observe(this.#canvas);
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#canvas.addEventListener("pointerleave", () => this.#point(null));
    onTheme(() => draw(this.#draw));
  }

  /** Show the book of a market from now on. */
  show(market: Market, book: LocalBook): void {
    this.#market = market;
    this.#book = book;
    draw(this.#draw);
  }

  /** The book has changed. */
  changed(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#drawnMs + INTERVAL_MS - performance.now());
    this.#timer = setTimeout(() => draw(this.#draw), waitMs);
  }

  #point(x: number | null): void {
    this.#pointed = x;
    draw(this.#draw);
  }

  readonly #draw = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnMs = performance.now();
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (width === 0 || height === 0 || this.#market === null) return;
    const ratio = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * ratio) || this.#canvas.height !== Math.round(height * ratio)) {
      this.#canvas.width = Math.round(width * ratio);
      this.#canvas.height = Math.round(height * ratio);
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#context.clearRect(0, 0, width, height);
    this.#bids = rowsOf(this.#book?.bids ?? [], "buy", 1, Infinity);
    this.#asks = rowsOf(this.#book?.asks ?? [], "sell", 1, Infinity);
    if (this.#bids.length > 0 && this.#asks.length > 0) this.#drawSides(width, height);
    else say(byId("depth-reading"), "");
  };

  #drawSides(width: number, height: number): void {
    const middle = (this.#bids[0]!.price + this.#asks[0]!.price) / 2;
    const reach = Math.min(middle - this.#bids.at(-1)!.price, this.#asks.at(-1)!.price - middle) || 1;
    const within = (rows: readonly Row[]): Row[] => rows.filter(({ price }) => Math.abs(price - middle) <= reach);
    const bids = within(this.#bids);
    const asks = within(this.#asks);
    const largest = Math.max(bids.at(-1)?.total ?? 0, asks.at(-1)?.total ?? 0, 1);
    const x = (price: number): number => ((price - middle) / reach / 2 + 0.5) * width;
    const y = (total: number): number => (height - LABELS_PX) * (1 - (total / largest) * 0.9);
    this.#fill(bids, x, y, 0, height, "buy");
    this.#fill(asks, x, y, width, height, "sell");
    this.#label(middle, reach, width, height);
    this.#read(bids, asks, middle, reach, width, height);
  }

  #fill(
    rows: readonly Row[],
    x: (price: number) => number,
    y: (total: number) => number,
    edge: number,
    height: number,
    side: "buy" | "sell",
  ): void {
    if (rows.length === 0) return;
    const context = this.#context;
    const ground = height - LABELS_PX;
    const line = new Path2D();
    line.moveTo(x(rows[0]!.price), ground);
    let before = ground;
    for (const { price, total } of rows) {
      line.lineTo(x(price), before);
      before = y(total);
      line.lineTo(x(price), before);
    }
    line.lineTo(edge, before);
    const area = new Path2D(line);
    area.lineTo(edge, ground);
    area.closePath();
    context.fillStyle = colour(`--${side}-wash`);
    context.fill(area);
    context.strokeStyle = colour(`--${side}-fill`);
    context.lineWidth = 1.5;
    context.stroke(line);
  }

  #label(middle: number, reach: number, width: number, height: number): void {
    const context = this.#context;
    context.font = '11px "Inter", system-ui, sans-serif';
    context.fillStyle = colour("--soft");
    context.textBaseline = "middle";
    const labels: [number, CanvasTextAlign, number][] = [
      [middle - reach, "left", 8],
      [middle, "center", width / 2],
      [middle + reach, "right", width - 8],
    ];
    for (const [price, align, x] of labels) {
      context.textAlign = align;
      context.fillText(this.#price(Math.round(price)), x, height - LABELS_PX / 2);
    }
  }

  /** Say how much waits up to the pointed price, or on each side in all. */
  #read(bids: readonly Row[], asks: readonly Row[], middle: number, reach: number, width: number, height: number): void {
    const market = this.#market!;
    const text = (rows: readonly Row[]): string => quantityText(rows.at(-1)?.total ?? 0, market);
    this.#canvas.setAttribute(
      "aria-label",
      `Depth of ${market.symbol}: ${text(bids)} ${market.base} bid down to ${this.#price(Math.round(middle - reach))}, ` +
        `${text(asks)} asked up to ${this.#price(Math.round(middle + reach))}`,
    );
    if (this.#pointed === null) return say(byId("depth-reading"), "");
    const price = middle + (this.#pointed / width - 0.5) * 2 * reach;
    const rows = price < middle ? bids.filter((row) => row.price >= price) : asks.filter((row) => row.price <= price);
    say(byId("depth-reading"), `${text(rows)} ${market.base} to ${this.#price(Math.round(price))}`);
    this.#context.fillStyle = colour("--soft");
    this.#context.fillRect(this.#pointed, 0, 1, height - LABELS_PX);
  }

  #price(units: number): string {
    return group(formatUnits(Math.max(0, units), this.#market!.priceDecimals));
  }
}
