/** Rows of a table that keep their elements, and with them the focus, while their contents change. */

export class KeyedRows<T> {
  readonly #parent: HTMLElement;
  readonly #make: (item: T) => HTMLElement;
  readonly #update: (row: HTMLElement, item: T) => void;
  readonly #rows = new Map<string, { row: HTMLElement; item: T }>();

  constructor(parent: HTMLElement, make: (item: T) => HTMLElement, update: (row: HTMLElement, item: T) => void) {
    this.#parent = parent;
    this.#make = make;
    this.#update = update;
  }

  /** Show exactly `items`, by key, in their order. An item that is the same object as before is left alone. */
  show(items: ReadonlyMap<string, T>): void {
    for (const [key, { row }] of this.#rows) {
      if (items.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let next = this.#parent.firstElementChild;
    for (const [key, item] of items) {
      const row = this.#row(key, item);
      if (row === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(row, next);
    }
  }

  #row(key: string, item: T): HTMLElement {
    const known = this.#rows.get(key);
    if (known?.item === item) return known.row;
    const row = known?.row ?? this.#make(item);
    this.#update(row, item);
    this.#rows.set(key, { row, item });
    return row;
  }
}
