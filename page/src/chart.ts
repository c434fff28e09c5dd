/** The candlestick chart with volume. */

import { CandlestickSeries, CrosshairMode, HistogramSeries, LineStyle, createChart } from "lightweight-charts";
import type { IChartApi, IPriceLine, ISeriesApi, MouseEventParams, UTCTimestamp } from "lightweight-charts";
import type { Kline, Order } from "../../clients/js/src/index.ts";
import { Candles } from "./candles.ts";
import type { Candle } from "./candles.ts";
import { cut, group } from "./decimals.ts";
import { byId, colour } from "./elements.ts";
import type { Market } from "./facts.ts";
import { draw } from "./frame.ts";
import { showCandle } from "./legend.ts";
import { onTheme } from "./theme.ts";

/** The browser's own record of when the first candles were on the screen. */
export const FIRST_CHART_MARK = "first-chart";

const LINES_MAX = 20;
const FONT = '"Inter", system-ui, sans-serif';

export class Chart {
  readonly #chart: IChartApi;
  readonly #prices: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #candles = new Candles();
  readonly #lines: IPriceLine[] = [];
  #market: Market | null = null;
  #pointed: number | null = null;
  #isMarked = false;

  constructor() {
    this.#chart = createChart(byId("chart-canvas"), {
      autoSize: true,
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.22 } },
      timeScale: { timeVisible: true, secondsVisible: false, rightOffset: 5, barSpacing: 7 },
    });
    this.#prices = this.#chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#chart.subscribeCrosshairMove((event) => this.#point(event));
    this.#paint();
    onTheme(() => this.#paint());
  }

  /** Begin with another market or interval. */
  show(market: Market): void {
    this.#market = market;
    this.#candles.clear();
    this.#pointed = null;
    this.#prices.setData([]);
    this.#volumes.setData([]);
    const formatter = (price: number): string => group(price.toFixed(market.priceDecimals));
    this.#prices.applyOptions({ priceFormat: { type: "custom", minMove: Number(market.tick), formatter } });
    this.#chart.priceScale("right").applyOptions({ autoScale: true });
    draw(this.#draw);
  }

  /** Take a candle, drawn in the next frame. */
  take(kline: Kline): void {
    this.#candles.take(kline);
    draw(this.#draw);
  }

  /** Show the person's own open orders of this market as lines. */
  mark(orders: readonly Order[]): void {
    for (const line of this.#lines.splice(0)) this.#prices.removePriceLine(line);
    for (const order of orders.slice(-LINES_MAX)) {
      const color = colour(order.side === "buy" ? "--buy-fill" : "--sell-fill");
      const quantity = cut(order.remaining_quantity, this.#market?.lotDecimals ?? 8);
      const title = `${order.side} ${quantity.replace(/\.?0+$/, "")}`;
      const price = Number(order.price);
      this.#lines.push(this.#prices.createPriceLine({ price, color, title, lineWidth: 1, lineStyle: LineStyle.Dashed }));
    }
  }

  /** Go back to the newest candles at their usual width. */
  fit(): void {
    this.#chart.timeScale().resetTimeScale();
    this.#chart.priceScale("right").applyOptions({ autoScale: true });
  }

  readonly #draw = (): void => {
    const { candles, isAll } = this.#candles.draw();
    if (isAll) {
      this.#prices.setData(candles.map(toBar));
      this.#volumes.setData(candles.map((candle) => this.#toColumn(candle)));
    } else {
      for (const candle of candles) {
        this.#prices.update(toBar(candle));
        this.#volumes.update(this.#toColumn(candle));
      }
    }
    byId("no-candles").hidden = this.#candles.length > 0;
    this.#describe();
    if (candles.length > 0 && !this.#isMarked) this.#markFirst();
  };

  /** The candles are painted in the frame after this one. */
  #markFirst(): void {
    this.#isMarked = true;
    requestAnimationFrame(() => requestAnimationFrame(() => performance.mark(FIRST_CHART_MARK)));
  }

  #toColumn({ time, volume, open, close }: Candle): { time: UTCTimestamp; value: number; color: string } {
    return { time: time as UTCTimestamp, value: volume, color: close >= open ? this.#up : this.#down };
  }

  #up = "";
  #down = "";

  /** Take the colours of the theme. */
  #paint(): void {
    this.#up = `${colour("--buy-fill")}59`;
    this.#down = `${colour("--sell-fill")}59`;
    const line = colour("--line");
    const label = colour("--soft");
    this.#chart.applyOptions({
      layout: { background: { color: colour("--panel") }, textColor: label, fontFamily: FONT, fontSize: 11 },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      crosshair: { vertLine: { color: label, labelBackgroundColor: label }, horzLine: { color: label, labelBackgroundColor: label } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    const up = colour("--buy-fill");
    const down = colour("--sell-fill");
    this.#prices.applyOptions({ upColor: up, wickUpColor: up, downColor: down, wickDownColor: down });
    this.#volumes.setData([]);
    this.#candles.redraw();
    draw(this.#draw);
  }

  #point(event: MouseEventParams): void {
    this.#pointed = typeof event.time === "number" ? event.time : null;
    draw(this.#describeNow);
  }

  readonly #describeNow = (): void => this.#describe();

  /** Say the pointed candle, or the last one. */
  #describe(): void {
    const last = this.#candles.last;
    const candle = (this.#pointed === null ? undefined : this.#candles.at(this.#pointed)) ?? last;
    showCandle(this.#market?.symbol ?? "", candle);
    const label = last === undefined ? "" : `, last close ${last.kline.close}`;
    byId("chart-canvas").setAttribute("aria-label", `Candlestick chart of ${this.#market?.symbol}${label}`);
  }
}

function toBar({ time, open, high, low, close }: Candle): {
  time: UTCTimestamp;
  open: number;
  high: number;
  low: number;
  close: number;
} {
  return { time: time as UTCTimestamp, open, high, low, close };
}
