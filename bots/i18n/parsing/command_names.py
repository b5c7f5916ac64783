"""Commands by their names in other languages: `/edad 7`, `/alter 7`, `/возраст 7` are `/age 7`."""

from __future__ import annotations

from functools import cache

from bots.i18n.parsing.tokens import fold

NAMES: dict[str, str] = {
    "start": "iniciar inicio empezar começar anfangen старт начать 开始 शुरू ابدأ بداية",
    "help": "ayuda ajuda hilfe помощь справка 帮助 मदद مساعدة",
    "mom": "mum mama mamá madre mãe mae mutter мама 妈妈 माँ मां मम्मी ماما أم الأم",
    "dad": "papa papá padre pai vater папа 爸爸 पापा पिता بابا أب الأب",
    "couple": "pareja casal paar пара 情侣 夫妻 जोड़ी زوجان",
    "child": "hijo hija filho filha criança kind ребенок ребёнок 孩子 बच्चा طفل",
    "age": "edad idade alter возраст 年龄 उम्र عمر العمر",
    "group": "grupo gruppe altersgruppe группа 年龄段 समूह مجموعة",
    "mix": "mezcla mistura mischung смесь 混合 मिश्रण مزيج خلط",
    "sex": "sexo género gênero geschlecht пол 性别 लिंग جنس",
    "genes": "gene genen гены 基因 जीन جينات",
    "smile": "sonrisa sorriso lächeln laecheln улыбка 微笑 मुस्कान ابتسامة",
    "look": "aspecto aparência aparencia aussehen внешность 外貌 रूप مظهر",
    "wish": "deseo desejo wunsch желание 愿望 इच्छा رغبة",
    "sibling": "hermano hermana irmão irmã geschwister bruder schwester брат сестра 兄弟姐妹 भाई बहन أخ أخت",
    "grow": "crecer crescer wachsen рост 成长 बढ़ना نمو",
    "card": "tarjeta cartão cartao karte familienkarte открытка карточка 卡片 कार्ड بطاقة",
    "code": "código codigo kode код 代码 कोड رمز",
    "names": "nombres nomes namen имена 名字 नाम أسماء",
    "wall": "muro mural wand стена 照片墙 दीवार جدار",
    "settings": "ajustes configuración configurações einstellungen настройки 设置 सेटिंग إعدادات",
    "language": "idioma lengua língua lingua sprache язык 语言 भाषा لغة",
    "cancel": "cancelar abbrechen stop стоп отмена 取消 रद्द إلغاء",
    "privacy": "privacidad privacidade datenschutz конфиденциальность приватность 隐私 गोपनीयता خصوصية",
    "withdraw": "revocar revogar widerrufen отозвать 撤回 वापस سحب",
    "delete_my_data": (
        "borrar_mis_datos apagar_meus_dados meine_daten_löschen удалить_мои_данные 删除我的数据 "
        "मेरा_डेटा_हटाओ احذف_بياناتي"
    ),
}
"""Canonical name → what else it is called, with blanks between; accents may be left out."""


def canonical_name(name: str) -> str | None:
    """The command's own name for one in another language; None where no language has it."""
    return _by_name().get(fold(name.lower()))


@cache
def _by_name() -> dict[str, str]:
    return {fold(other): name for name, others in NAMES.items() for other in others.split()}
