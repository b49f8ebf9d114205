"""Made-up names of streets and parks in the manner of a Portuguese town. Seeded, each used once. [pure]"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

_THINGS = tuple(
    f"{article} {thing}"
    for article, things in {
        "da": (
            "Alfazema",
            "Amoreira",
            "Boavista",
            "Bela Fonte",
            "Calçada Velha",
            "Cerejeira",
            "Ermida",
            "Figueira",
            "Fonte Nova",
            "Giesta",
            "Lapa",
            "Mina de Água",
            "Nogueira",
            "Olaria",
            "Oliveira",
            "Padaria",
            "Pedra Alta",
            "Quinta",
            "Ribeira",
            "Romãzeira",
            "Saudade",
            "Torre",
            "Vinha",
        ),
        "das": (
            "Andorinhas",
            "Camélias",
            "Cegonhas",
            "Flores",
            "Hortas",
            "Lavadeiras",
            "Oficinas",
            "Rendeiras",
        ),
        "do": (
            "Alecrim",
            "Arco",
            "Barqueiro",
            "Bom Pastor",
            "Carvalho",
            "Castanheiro",
            "Cais",
            "Chafariz",
            "Correio",
            "Farol",
            "Freixo",
            "Jasmim",
            "Lagar",
            "Loureiro",
            "Mercado",
            "Mirante",
            "Moinho",
            "Olival",
            "Paço",
            "Penedo",
            "Pinheiro",
            "Poço",
            "Relógio",
            "Rouxinol",
            "Salgueiro",
            "Sobreiro",
            "Sol",
            "Teatro",
            "Vale",
        ),
        "dos": (
            "Caldeireiros",
            "Ferreiros",
            "Moleiros",
            "Oleiros",
            "Pescadores",
            "Plátanos",
            "Tecelões",
            "Tanoeiros",
            "Navegantes",
            "Sapateiros",
        ),
    }.items()
    for thing in things
)
_TITLES = {
    "primary": ("Circular", "Via"),
    "secondary": ("Avenida", "Alameda"),
    "tertiary": ("Rua",),
    "residential": ("Rua", "Travessa", "Beco", "Viela", "Calçada", "Largo", "Escadinhas"),
}
_SUFFIXES = ("", " de Cima", " de Baixo", " Nova", " Velha", " Norte", " Sul", " Nascente", " Poente")
PARKS = (
    "Jardim das Camélias",
    "Parque do Moinho",
    "Mata da Ermida",
    "Parque da Ribeira",
    "Jardim do Mirante",
)


def street_names(random: Random, kind: str) -> Iterator[str]:
    """Names for streets of one ``kind`` of highway, in a random order; ends when all are used."""
    names = [f"{title} {thing}{suffix}" for title in _TITLES[kind] for thing in _THINGS for suffix in _SUFFIXES[:1]]
    random.shuffle(names)
    yield from names
    more = [f"{title} {thing}{suffix}" for suffix in _SUFFIXES[1:] for title in _TITLES[kind] for thing in _THINGS]
    yield from more
