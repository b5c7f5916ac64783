"""Picks a child's name in a language from its seed: the same child keeps its name at every age."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "girl": "Alice Amelia Ava Chloe Clara Ella Emily Emma Grace Hannah Isla Ivy Jane Lily Lucy Mia Nora Olivia "
        "Ruby Sophie Zoe",
        "boy": "Adam Alfie Arthur Ben Charlie Daniel Ethan Finn George Harry Henry Jack James Leo Liam Lucas Noah "
        "Oliver Oscar Sam Theo",
    },
    "de": {
        "girl": "Anna Charlotte Clara Ella Emilia Emma Frieda Greta Hannah Ida Johanna Klara Lea Lena Leni Lina Luisa "
        "Marie Mathilda Mia Paula",
        "boy": "Anton Ben Elias Emil Felix Finn Friedrich Henry Jakob Jonas Karl Leon Levi Linus Lukas Matteo Max "
        "Moritz Noah Oskar Paul",
    },
    "es": {
        "girl": "Alba Alma Ana Camila Carla Carmen Clara Elena Emma Inés Irene Julia Laura Lola Lucía Luna Martina "
        "Mía Paula Sara Sofía Valeria",
        "boy": "Adrián Álvaro Bruno Carlos Daniel Diego Enzo Gael Hugo Javier Jorge Leo Lucas Manuel Marco Mario "
        "Martín Mateo Nicolás Pablo Tomás",
    },
    "pt": {
        "girl": "Alice Ana Antonella Aurora Beatriz Carolina Cecília Clara Elisa Helena Heloísa Isabela Júlia Laura "
        "Lara Liz Luísa Manuela Maria Sofia Valentina",
        "boy": "Antônio Arthur Benício Bernardo Caio Daniel Davi Enzo Felipe Gabriel Gael Heitor Henrique João Lucas "
        "Miguel Pedro Rafael Samuel Theo Vicente",
    },
    "ru": {
        "girl": "Алиса Анна Валерия Варвара Вера Виктория Дарья Ева Екатерина Елизавета Злата Кира Ксения Мария "
        "Милана Мирослава Надежда Полина Софья Таисия Ульяна",
        "boy": "Александр Алексей Андрей Артём Богдан Глеб Даниил Дмитрий Егор Иван Илья Кирилл Константин Лев Макар "
        "Максим Матвей Михаил Никита Роман Тимофей",
    },
    "hi": {
        "girl": "आद्या अनन्या अनिका आराध्या दिया ईशा काव्या कियारा मीरा मायरा नव्या निशा पीहू प्रिया रिया साँची सारा सिया "
        "तारा वाणी ज़ारा",
        "boy": "आरव आदित्य अद्वैत अर्जुन अयान देव ध्रुव ईशान कबीर कृष्ण मोहन नील ओम प्रणव रोहन रुद्र साई शिवांश वेद विहान युवान",
    },
    "zh": {
        "girl": "安安 嘉怡 可欣 乐怡 美琳 梦瑶 诗涵 思琪 晓雯 欣怡 雅婷 一诺 依诺 雨桐 语嫣 梓涵 子萱 紫萱 若曦 静怡",
        "boy": "安然 博文 浩然 浩宇 嘉豪 家乐 俊杰 乐天 明哲 沐阳 睿哲 思远 天佑 文博 晓东 一鸣 宇航 宇轩 子墨 子轩",
    },
    "ar": {
        "girl": "آية أمل أمينة جنى جود حلا حنان دانة رنا ريم زينب سارة سلمى عائشة فاطمة فرح لانا ليلى مريم نور هدى",
        "boy": "آدم أحمد إبراهيم إلياس أمير بلال جواد حسن خالد رامي زياد سالم سامي طارق عمر فارس كريم ليث مالك يوسف",
    },
}
"""Names as common today, by language and sex, with spaces between. Not one that is also a claim or a title."""


def child_name(seed: int, sex: str, language: str | None) -> str:
    """The child's name for this seed; a language without its own list uses the English one."""
    lists = NAMES.get((language or "").split("-")[0].lower(), NAMES["en"])
    names = lists["boy" if sex == "boy" else "girl"].split()
    digest = hashlib.sha256(f"{seed}/name".encode()).digest()
    return names[int.from_bytes(digest[:8], "big") % len(names)]
