// An image that is dropped, pasted or chosen: its classes, and a way to say which one is right.
import { post } from './api.js';
import { bar, byId, make, visible } from './dom.js';
import { number, percent } from './format.js';

/** Of the ten that come. */
const MOST_CLASSES = 6;
const MOST_BYTES = 16 * 2 ** 20;
const TYPES = ['image/jpeg', 'image/png', 'image/webp'];

export class Classify {
  constructor() {
    /** @type {string | undefined} */
    this.head = undefined;
    this.may = { infer: false, label: false };
    /** @type {{ id: string, head: string } | undefined} */
    this.answered = undefined;
    this.turn = 0;
    const input = byId('image', HTMLInputElement);
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      if (file !== undefined) void this.classify(file);
      input.value = '';
    });
    const drop = byId('drop');
    for (const type of ['dragenter', 'dragover']) addEventListener(type, (event) => this.dragged(event, drop, true));
    for (const type of ['dragleave', 'drop']) addEventListener(type, (event) => this.dragged(event, drop, false));
    addEventListener('drop', (event) => this.take(event.dataTransfer));
    addEventListener('paste', (event) => this.take(event.clipboardData));
    byId('teach').addEventListener('submit', (event) => {
      event.preventDefault();
      const text = byId('right-class', HTMLInputElement);
      void this.teach(text.value);
      text.value = '';
    });
  }

  /**
   * @param {string} head
   * @param {{ infer: boolean, label: boolean }} may
   */
  use(head, may) {
    this.head = head;
    this.may = may;
    byId('classify-title').textContent = `Try an image on ${visible(head)}`;
    byId('classify').hidden = !may.infer;
  }

  /**
   * @param {Event} event
   * @param {HTMLElement} drop
   * @param {boolean} over
   */
  dragged(event, drop, over) {
    event.preventDefault();
    drop.classList.toggle('over', over);
  }

  /** @param {DataTransfer | null} data */
  take(data) {
    const [file] = data?.files ?? [];
    if (file !== undefined) void this.classify(file);
  }

  /** @param {File} file */
  async classify(file) {
    const { head } = this;
    if (head === undefined || !this.may.infer) return;
    if (!TYPES.includes(file.type)) return say('That is no JPEG, PNG or WebP.', true);
    if (file.size > MOST_BYTES) return say('That image is larger than 16 MiB.', true);
    const turn = ++this.turn;
    this.answered = undefined;
    showPreview(file);
    byId('classes').replaceChildren();
    byId('teach').hidden = true;
    say('Classifying…');
    try {
      const answer = await post(`heads/${head}/predict`, file);
      if (turn === this.turn) this.show(answer);
    } catch (error) {
      if (turn === this.turn) say(/** @type {Error} */ (error).message, true);
    }
  }

  /** @param {any} answer */
  show({ id, head, version, classes, recorded, decodeMs, queueMs, computeMs }) {
    const teachable = recorded && this.may.label;
    this.answered = teachable ? { id, head } : undefined;
    if (classes.length === 0) say(`${head} has learned nothing yet${teachable ? ': tell it what this is' : ''}.`);
    else {
      say(
        `Version ${version}: decoded in ${number(decodeMs)} ms, waited ${number(queueMs)} ms, computed in ${number(computeMs)} ms.`,
      );
    }
    byId('classes').replaceChildren(
      ...classes.slice(0, MOST_CLASSES).map((/** @type {any} */ { name, probability }, /** @type {number} */ index) =>
        make(
          'li',
          {},
          make('span', { className: 'name', title: visible(name) }, make('bdi', {}, visible(name))),
          bar(probability, index === 0 ? '' : 'violet'),
          make('span', { className: 'number' }, percent(probability)),
          teachable
            ? make(
                'button',
                {
                  type: 'button',
                  className: 'quiet',
                  'aria-label': `It is ${visible(name)}`,
                  on: { click: () => this.teach(name) },
                },
                'It is',
              )
            : make('span'),
        ),
      ),
    );
    byId('teach').hidden = !teachable;
  }

  /** @param {string} label */
  async teach(label) {
    const { answered } = this;
    if (answered === undefined) return;
    this.answered = undefined;
    try {
      await post(`heads/${answered.head}/labels`, { id: answered.id, label });
      say(`Taught: ${visible(label)}. The label is stored, and will be learned in a moment.`);
      byId('teach').hidden = true;
      for (const button of byId('classes').querySelectorAll('button')) button.disabled = true;
    } catch (error) {
      this.answered = answered;
      say(/** @type {Error} */ (error).message, true);
    }
  }
}

/** @param {File} file */
function showPreview(file) {
  const preview = byId('preview', HTMLImageElement);
  if (preview.src.startsWith('blob:')) URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(file);
  preview.alt = `The image to classify: ${visible(file.name)}`;
  preview.hidden = false;
  byId('drop-text').textContent = 'Another one: drop, paste, or choose a file';
}

/** @param {string} text */
function say(text, bad = false) {
  const state = byId('try-state');
  state.textContent = text;
  state.classList.toggle('bad', bad);
}
