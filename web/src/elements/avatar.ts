/** The round with somebody's initial, in a colour that is always the same for the name. @module */

import { css, html, type TemplateResult } from "lit";
import { fold } from "../store/chat.js";

/** Colours there are. */
const HUES = 12;

/** Tells what is one character to people; to make one takes longer than to draw a message. */
const graphemes = new Intl.Segmenter();

/** The look of `avatar`. */
export const avatarStyles = css`
  .avatar {
    display: inline-grid;
    flex: none;
    place-items: center;
    inline-size: 2.25rem;
    block-size: 2.25rem;
    border-radius: 50%;
    background: light-dark(hsl(var(--hue) 55% 88%), hsl(var(--hue) 32% 28%));
    color: light-dark(hsl(var(--hue) 60% 26%), hsl(var(--hue) 70% 86%));
    font-weight: 600;
    user-select: none;
  }

  /* Not a text of the page: it would be read out, and copied, before each name. */
  .avatar::before {
    content: attr(data-initial);
  }

  .hue-0 { --hue: 225; }
  .hue-1 { --hue: 255; }
  .hue-2 { --hue: 285; }
  .hue-3 { --hue: 315; }
  .hue-4 { --hue: 345; }
  .hue-5 { --hue: 15; }
  .hue-6 { --hue: 40; }
  .hue-7 { --hue: 75; }
  .hue-8 { --hue: 115; }
  .hue-9 { --hue: 150; }
  .hue-10 { --hue: 180; }
  .hue-11 { --hue: 200; }
`;

/** Draws somebody. */
export function avatar(name: string): TemplateResult {
  // A letter with all its marks, or an emoji with all its parts: one grapheme, but not too tall.
  const [first] = graphemes.segment(name.toUpperCase());
  const initial = [...(first?.segment ?? "?")].slice(0, 3).join("");
  return html`<span class="avatar hue-${hueOf(name)}" aria-hidden="true" data-initial=${initial}></span>`;
}

/** The number of the colour of a name. */
export function hueOf(name: string): number {
  let sum = 0;
  for (const char of fold(name)) {
    sum = (sum * 31 + (char.codePointAt(0) ?? 0)) % 1_000_003;
  }
  return sum % HUES;
}
