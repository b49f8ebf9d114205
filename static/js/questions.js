/** Answers may overtake each other. Each question is told whether it is still the last one. No DOM. */

export class Questions {
  #asked = 0;

  /** Call it before asking; what it returns says later whether nobody has asked since. */
  ask() {
    const number = (this.#asked += 1);
    return () => number === this.#asked;
  }
}
