// Elements from text. Names of classes and heads come from strangers: they only ever become text, never markup.

/**
 * What is no visible text, as src/server/text/unsafe.ts has it: controls, bidi and format characters, what nobody sees, marks upon marks. Joiners and
 * selectors inside an emoji, and joiners between letters, are part of what is seen.
 */
const UNSAFE =
  /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)\u200d(?=\p{Extended_Pictographic})|(?<=[\p{Extended_Pictographic}#*0-9])\ufe0f|([\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]|(?<=\p{M}{6})\p{M})/gu;
const LONGEST = 160;

/**
 * A stranger's text as it can be shown: what is invisible is written out, so that no name looks like another.
 * @param {string} text
 */
export function visible(text) {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return short.replace(UNSAFE, (character, /** @type {string | undefined} */ unsafe) =>
    unsafe === undefined ? character : `\\u{${(unsafe.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties] `class`, attributes with a dash and `role` become attributes; `on` is an object of listeners
 * @param {...Child} children text becomes text
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === 'on') {
      const listeners = /** @type {Record<string, EventListener>} */ (value);
      for (const [event, listener] of Object.entries(listeners)) element.addEventListener(event, listener);
    } else if (name in element && !name.includes('-')) Object.assign(element, { [name]: value });
    else element.setAttribute(name === 'className' ? 'class' : name, String(value));
  }
  element.append(...children.filter(isThere).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/**
 * @param {Child} child
 * @returns {child is Node | string | number}
 */
function isThere(child) {
  return child !== null && child !== undefined && child !== false;
}

/**
 * The element of the page with an id.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (element === null || (type !== undefined && !(element instanceof type))) throw new Error(`no element ${id}`);
  return /** @type {T} */ (element);
}

/**
 * A bar beside a number, which says the same: hidden from readers of the screen.
 * @param {number} part 0 to 1
 * @param {string} [kind]
 */
export function bar(part, kind = '') {
  const inner = make('span');
  inner.style.width = `${Math.round(Math.min(Math.max(part, 0), 1) * 1000) / 10}%`;
  return make('span', { className: `bar ${kind}`, 'aria-hidden': 'true' }, inner);
}

/**
 * Replaces what an element holds when that changes anything: a selection or a focus in it stays otherwise.
 * @param {HTMLElement} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const fresh = document.createElement('div');
  fresh.append(...children.filter(isThere).map((child) => (child instanceof Node ? child : String(child))));
  if (sameContent(fresh, element)) return;
  const focused = focusKey(element);
  const scrolled = keyed(element).map((part) => [part.dataset.key, part.scrollTop, part.scrollLeft]);
  element.replaceChildren(...fresh.childNodes);
  for (const part of keyed(element)) {
    if (part.dataset.key === focused) part.focus({ preventScroll: true });
    const [, top, left] = scrolled.find(([key]) => key === part.dataset.key) ?? [];
    if (top || left) part.scrollTo({ top: Number(top), left: Number(left), behavior: 'instant' });
  }
}

/**
 * Parts that have a successor when they are replaced.
 * @param {HTMLElement} element
 */
function keyed(element) {
  return /** @type {HTMLElement[]} */ ([...element.querySelectorAll('[data-key]')]);
}

/**
 * @param {HTMLElement} a
 * @param {HTMLElement} b
 */
function sameContent(a, b) {
  if (a.childNodes.length !== b.childNodes.length) return false;
  return [...a.childNodes].every((child, index) => child.isEqualNode(b.childNodes[index] ?? null));
}

/**
 * What names the focused element inside, so that its successor gets the focus.
 * @param {HTMLElement} element
 */
function focusKey(element) {
  const { activeElement } = document;
  if (!(activeElement instanceof HTMLElement) || !element.contains(activeElement)) return undefined;
  return activeElement.dataset.key;
}
